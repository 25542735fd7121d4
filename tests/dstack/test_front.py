"""dstack's requests, as its command line of version 0.22.5 sends them, against a real server."""

import base64
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.fronts.dstack import states
from atoll.fronts.dstack.documents import cleaned
from atoll.fronts.dstack.ids import from_uuid, to_uuid
from atoll.fronts.dstack.protocol import METRICS, REQUIRED, ROUTES, too_new
from atoll.fronts.dstack.reading import LOG_BYTES, whole_lines
from atoll.model.states import FleetState, InstanceState, JobState, RunState, VolumeState
from tests.dstack.conftest import Site
from tests.dstack.fields import missing
from tests.server.process import ServerProcess

P = "/api/project/main"
SMALL = {"cpu": {"min": 1, "max": None}, "memory": {"min": 0.1, "max": None}, "disk": {"size": {"min": 1.0}}}
UNSET = {
    "backends": None,
    "regions": None,
    "availability_zones": None,
    "spot_policy": None,
    "tags": None,
    "retry": None,
}
PROFILE = {"name": "default", "default": False, **UNSET}


def fleet_spec(name: str, nodes: int = 1, **more: Any) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "type": "fleet",
        "name": name,
        "nodes": {"min": nodes, "target": nodes, "max": nodes},
    }
    configuration |= {
        "placement": None,
        "ssh_config": None,
        "env": {},
        "blocks": 1,
        "resources": SMALL,
        **UNSET,
        **more,
    }
    return {"configuration": configuration, "configuration_path": "f.dstack.yml", "profile": PROFILE}


def run_spec(name: str | None, *commands: str, **more: Any) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "type": "task",
        "name": name,
        "nodes": 1,
        "commands": list(commands),
        "env": {},
        "ports": [],
    }
    configuration |= {"image": None, "python": None, "entrypoint": None, "privileged": False, "volumes": [], **UNSET}
    return {
        "run_name": name,
        "repo_id": "none",
        "repo_data": {"repo_type": "virtual"},
        "repo_code_hash": None,
        "file_archives": [],
        "configuration_path": "t.dstack.yml",
        "configuration": {**configuration, "resources": SMALL, **more},
        "profile": PROFILE,
        "ssh_key_pub": None,
    }


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.1)


def finished(site: Site, name: str) -> dict[str, Any]:
    """The run, once it is over."""
    until(lambda: site.ok(f"{P}/runs/get", {"run_name": name})["status"] in ("done", "failed", "terminated"))
    return dict(site.ok(f"{P}/runs/get", {"run_name": name}))


def submitted(site: Site, name: str, *commands: str, **more: Any) -> dict[str, Any]:
    plan = site.ok(f"{P}/runs/get_plan", {"run_spec": run_spec(name, *commands, **more), "max_offers": 50})
    assert missing("plan_run", plan) == []
    body = {
        "plan": {"run_spec": plan["effective_run_spec"], "current_resource": plan["current_resource"]},
        "force": False,
    }
    run = site.ok(f"{P}/runs/apply", body)
    assert missing("apply_run", run) == []
    return dict(run)


def test_a_project_is_added_and_the_user_is_known(site: Site) -> None:
    info = site.ok("/api/server/get_info")
    assert info == {"server_version": "0.22.5"}
    project = site.ok("/api/projects/main/get")
    assert missing("project", project) == []
    assert UUID(project["project_id"]).version == 4
    me = site.ok("/api/users/get_my_user", user="user")
    assert missing("my_user", me) == []
    assert (me["username"], me["global_role"]) == ("user", "user")


def test_a_fleet_is_planned_applied_listed_and_deleted(site: Site) -> None:
    plan = site.ok(f"{P}/fleets/get_plan", {"spec": fleet_spec("crew", 2)})
    assert missing("plan_fleet", plan) == []
    assert (plan["action"], plan["total_offers"], plan["current_resource"]) == ("create", 2, None)
    assert all(re.fullmatch(r"local-[abc]", zone) for offer in plan["offers"] for zone in offer["availability_zones"])
    made = site.ok(
        f"{P}/fleets/apply", {"plan": {"spec": fleet_spec("crew", 2), "current_resource": None}, "force": False}
    )
    assert missing("apply_fleet", made) == []
    until(lambda: [one["status"] for one in site.ok(f"{P}/fleets/get", {"name": "crew"})["instances"]] == ["idle"] * 2)
    listed = site.ok(f"{P}/fleets/list", {"include_imported": True})
    assert missing("fleets", listed) == []
    [crew] = [one for one in listed if one["name"] == "crew"]
    assert {one["backend"] for one in crew["instances"]} == {"aws"}
    assert all(one["availability_zone"].startswith("local-") for one in crew["instances"])
    assert "crew" in [one.name for one in site.client.fleets()], "atoll shows what dstack applied"
    assert site.ok(f"{P}/fleets/delete", {"names": ["crew"]}) is None
    until(lambda: "crew" not in [one["name"] for one in site.ok(f"{P}/fleets/list")])


def test_a_fleet_that_changed_since_its_plan_is_refused_without_force(site: Site) -> None:
    spec = fleet_spec("moving")
    body: dict[str, Any] = {"plan": {"spec": spec, "current_resource": None}, "force": False}
    site.ok(f"{P}/fleets/apply", body)
    assert "changed since the plan" in site.refused(f"{P}/fleets/apply", body)["msg"]
    site.ok(f"{P}/fleets/apply", {**body, "force": True})
    site.ok(f"{P}/fleets/delete", {"names": ["moving"]})


def test_a_task_runs_and_its_log_is_polled_to_its_end(site: Site) -> None:
    submitted(site, "hello", "echo one", "echo two >&2", env={"A": "secret-value"})
    run = finished(site, "hello")
    assert missing("run", run) == []
    [job] = run["jobs"]
    [attempt] = job["job_submissions"]
    assert (run["status"], attempt["status"], attempt["termination_reason"]) == ("done", "done", "done_by_runner")
    assert attempt["job_provisioning_data"]["availability_zone"].startswith("local-")
    assert "secret-value" not in str(run)
    lines, token = [], None
    for _ in range(10):
        request = {"run_name": "hello", "job_submission_id": attempt["id"], "limit": 1, "next_token": token}
        piece = site.ok(f"{P}/logs/poll", request)
        assert missing("logs", piece) == []
        lines += [(line["log_source"], base64.b64decode(line["message"])) for line in piece["logs"]]
        token = piece["next_token"]
        if token is None:
            break
    assert sorted(lines) == [("stderr", b"two\n"), ("stdout", b"one\n")]


def test_a_failed_task_shows_its_exit_code_and_a_finished_name_is_used_again(site: Site) -> None:
    submitted(site, "again", "exit 3")
    first = finished(site, "again")
    attempt = first["jobs"][0]["job_submissions"][-1]
    assert (first["status"], attempt["exit_status"], attempt["status_message"]) == ("failed", 3, "exited (3)")
    second = submitted(site, "again", "true")
    assert second["id"] != first["id"]
    assert finished(site, "again")["status"] == "done"


def test_runs_are_listed_page_by_page_the_newest_first(site: Site) -> None:
    for number in range(3):
        submitted(site, f"page-{number}", "true")
    seen: list[str] = []
    previous = None
    for _ in range(20):
        body = {"project_name": "main", "limit": 2, "only_active": False, "prev_run_id": previous}
        page = site.ok("/api/runs/list", body)
        assert missing("runs", page) == []
        if not page:
            break
        seen += [run["run_spec"]["run_name"] for run in page]
        previous = page[-1]["id"]
    assert [name for name in seen if name.startswith("page-")] == ["page-2", "page-1", "page-0"]
    assert len(seen) == len(set(seen))


def test_a_run_is_stopped_and_deleted(site: Site) -> None:
    submitted(site, "long", "sleep 300")
    until(lambda: site.ok(f"{P}/runs/get", {"run_name": "long"})["status"] == "running")
    assert site.ok(f"{P}/runs/stop", {"runs_names": ["long"], "abort": False}) is None
    assert finished(site, "long")["status"] == "terminated"
    site.ok(f"{P}/runs/delete", {"runs_names": ["long"]})
    assert site.refused(f"{P}/runs/get", {"run_name": "long"})["code"] == "resource_not_exists"


def test_a_volume_is_created_in_its_zone_listed_and_deleted(site: Site) -> None:
    configuration: dict[str, Any] = {"type": "volume", "name": "disk", "backend": "aws", "region": "local", "size": 1.0}
    configuration |= {"availability_zone": "local-b", "volume_id": None, "auto_cleanup_duration": None, "tags": None}
    assert site.refused(f"{P}/volumes/get", {"name": "disk"})["code"] == "resource_not_exists"
    made = site.ok(f"{P}/volumes/create", {"configuration": configuration})
    assert missing("create_volume", made) == []
    until(lambda: site.ok(f"{P}/volumes/get", {"name": "disk"})["status"] == "active")
    listed = site.ok(f"{P}/volumes/list")
    assert missing("volumes", listed) == []
    assert listed[0]["provisioning_data"]["availability_zone"] == "local-b"
    site.ok(f"{P}/volumes/delete", {"names": ["disk"]})
    until(lambda: site.ok(f"{P}/volumes/list") == [])


def test_events_name_their_zones_and_are_filtered_by_id(site: Site) -> None:
    run = submitted(site, "noted", "true")
    finished(site, "noted")
    project = site.ok("/api/projects/main/get")["project_id"]
    everything = site.ok("/api/events/list", {"within_projects": [project], "limit": 100})
    assert missing("events", everything) == []
    assert any(" in local-" in one["message"] for one in everything)
    own = site.ok("/api/events/list", {"target_runs": [run["id"]], "limit": 100, "ascending": True})
    assert own
    assert {target["name"] for one in own for target in one["targets"]} == {"noted"}
    newest = site.ok("/api/events/list", {"within_projects": [project], "limit": 1})
    older = site.ok("/api/events/list", {"within_projects": [project], "limit": 1, "prev_id": newest[0]["id"]})
    assert newest[0]["id"] > older[0]["id"]
    within = site.ok("/api/events/list", {"within_runs": [run["id"]], "limit": 100})
    assert {target["type"] for one in within for target in one["targets"]} == {"run", "job"}
    first = site.ok("/api/events/list", {"within_projects": [project], "limit": 1, "ascending": True})
    body = {"within_projects": [project], "limit": 1, "ascending": True, "prev_id": first[0]["id"]}
    assert first[0]["id"] < site.ok("/api/events/list", body)[0]["id"] <= older[0]["id"]


def test_offers_are_searched_with_their_zones(site: Site) -> None:
    spec = run_spec(None, ":", image="scratch")
    plan = site.ok(f"{P}/runs/get_plan", {"run_spec": spec, "max_offers": 50, "for_offers_only": True})
    assert missing("plan_run", plan) == []
    offers = plan["job_plans"][0]["offers"]
    assert {zone for offer in offers for zone in offer["availability_zones"]} == {"local-a", "local-b", "local-c"}
    spec = run_spec(None, ":", image="scratch", availability_zones=["local-b"], backends=["aws"])
    narrowed = site.ok(f"{P}/runs/get_plan", {"run_spec": spec, "max_offers": 50, "for_offers_only": True})
    assert {zone for offer in narrowed["job_plans"][0]["offers"] for zone in offer["availability_zones"]} == {"local-b"}


def test_secrets_are_set_by_managers_and_never_shown(site: Site) -> None:
    body = {"name": "token", "value": "never-shown"}
    assert site.post(f"{P}/secrets/create_or_update", body, "user").status_code == 403
    made = site.post(f"{P}/secrets/create_or_update", body)
    assert made.status_code == 200
    assert "never-shown" not in made.text
    assert [one["name"] for one in site.ok(f"{P}/secrets/list", user="user")] == ["token"]
    site.ok(f"{P}/secrets/delete", {"secrets_names": ["token"]})


def test_what_means_something_and_is_not_acted_on_is_refused_with_our_words(site: Site) -> None:
    answer = site.refused(f"{P}/runs/get_plan", {"run_spec": run_spec("other", "true", availability_zones=["local-x"])})
    assert "local-x" in answer["msg"]
    assert answer["code"] == "error"
    spec = run_spec("other", "true") | {"repo_code_hash": "0" * 64}
    assert "repos" in site.refused(f"{P}/runs/get_plan", {"run_spec": spec})["msg"]
    impossible = {"cpu": {"min": 100_000}, "memory": {"min": 0.1}}
    refused = site.refused(f"{P}/runs/get_plan", {"run_spec": run_spec("huge", "true", resources=impossible)})
    assert "100000" in refused["msg"].replace(",", "")


def test_a_client_of_a_newer_minor_version_is_refused(site: Site) -> None:
    assert site.post("/api/users/get_my_user", version="0.23.0").status_code == 400
    assert site.post("/api/users/get_my_user", version="0.22.9").status_code == 200
    assert not too_new("")
    assert too_new("1.0")


@pytest.mark.parametrize("path", [path for path in ROUTES if "{project}" in path])
def test_a_route_of_a_project_is_for_its_members_alone(site: Site, path: str) -> None:
    place = path.format(project="main")
    for user in ("nobody", "wrong"):
        assert site.refused(place, {}, user, 403)["code"] == "invalid_credentials"
    assert site.refused(place, {}, "stranger")["code"] == "resource_not_exists"


def test_runs_and_events_of_other_projects_are_not_listed(site: Site) -> None:
    assert site.refused("/api/runs/list", {"project_name": "main"}, "stranger")["code"] == "resource_not_exists"
    assert site.ok("/api/runs/list", {}, "stranger") == []
    project = site.ok("/api/projects/main/get")["project_id"]
    assert site.ok("/api/events/list", {"within_projects": [project]}, "stranger") == []
    metrics = f"{site.server.address}{METRICS.format(project='main', run='hello')}"
    token = {"Authorization": f"Bearer {site.tokens['stranger']}"}
    assert httpx.get(metrics, headers=token).json()["detail"][0]["code"] == "resource_not_exists"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    *("spec", "plan", "run_spec", "configuration", "names", "runs_names", "name", "run_name", "id", "limit", "prev_id"),
    *("job_submission_id", "next_token", "target_runs", "within_projects", "prev_run_id", "project_name", "force"),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ROUTES)), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_no_request_is_answered_with_a_fault_of_the_server(site: Site, path: str, body: dict[str, Any]) -> None:
    answer = site.post(path.format(project="main"), body)
    assert answer.status_code in (200, 400, 403), answer.text


def test_the_api_is_absent_unless_it_is_configured(tmp_path: Any) -> None:
    with ServerProcess(tmp_path / "home") as server:
        token = {"Authorization": f"Bearer {server.token}"}
        assert httpx.post(f"{server.address}/api/users/get_my_user", headers=token).status_code in (404, 405)


def test_every_state_has_a_word_of_dstack() -> None:
    tables = ((states.RUN, RunState), (states.JOB, JobState), (states.INSTANCE, InstanceState))
    for table, kind in (*tables, (states.VOLUME, VolumeState), (states.FLEET, FleetState)):
        assert {*kind} <= {*table}, kind


def test_every_handler_with_an_answer_has_its_required_fields() -> None:
    silent = {
        "delete_fleets",
        "delete_instances",
        "delete_volumes",
        "init_repo",
        "stop_runs",
        "delete_runs",
        "gateways",
    }
    assert {*ROUTES.values()} - silent - {"set_secret", "delete_secrets"} == {*REQUIRED}


def test_a_forgotten_field_is_found() -> None:
    assert missing("events", [{"id": "1", "message": "m", "targets": []}]) == ["[].recorded_at"]


@given(st.integers(0, 2**64 - 1))
def test_an_id_is_a_uuid_of_version_4_and_comes_back(number: int) -> None:
    id = f"{number:016x}"
    assert UUID(to_uuid(id)).version == 4
    assert from_uuid(to_uuid(id)) == id
    assert from_uuid("00000000-0000-1000-8000-000000000000") is None


def test_a_piece_of_a_log_ends_with_a_whole_line() -> None:
    lines, taken = whole_lines(b"one\ntwo", 10, over=False)
    assert ([line.text for line in lines], taken) == ([b"one"], 4)
    lines, taken = whole_lines(b"one\ntwo", 10, over=True)
    assert ([line.text for line in lines], taken) == ([b"one", b"two"], 8)
    cut = b"x\n" * (LOG_BYTES // 2 - 1) + b"yz"
    assert whole_lines(cut, LOG_BYTES, over=True)[1] == LOG_BYTES - 2


def test_unset_parts_of_a_request_are_dropped() -> None:
    assert cleaned({"a": None, "b": [], "c": {}, "d": 0, "e": {"f": None, "g": 1}}) == {"d": 0, "e": {"g": 1}}
