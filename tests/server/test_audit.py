"""The audit: every route that changes something of a project leaves an event that names its user."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from atoll.model.records import Closure
from atoll.model.states import ClosureState
from atoll.model.zone import Zone
from tests.server.conftest import Served

FLEET = "type: fleet\nname: train\nnodes: 1\n"
VOLUME = "type: volume\nname: data\nbackend: fake\nsize: 10GB\n"
TASK = "type: task\nname: work\ncommands: [sleep]\nresources: {cpu: 1.., memory: 1GB..}\n"


async def nothing(_: Served) -> None:
    """There is all that the request needs."""


def applied(text: str) -> Callable[[Served], Awaitable[None]]:
    async def before(served: Served) -> None:
        assert (await served.apply(text, "user")).status_code == 200

    return before


async def finished_run(served: Served) -> None:
    await served.engine.start()
    await served.apply(TASK, "user")
    while (await served.ask("GET", "/api/projects/main/runs/work")).json()["finished_at"] is None:
        await asyncio.sleep(0.05)


async def secret(served: Served) -> None:
    await served.ask("PUT", "/api/projects/main/secrets/KEY", "manager", json={"value": "x"})


async def closed_zone(served: Served) -> None:
    async with served.engine.database.write() as tx:
        zone, end = Zone("fake", "fake-1", "fake-1a"), tx.now + timedelta(hours=1)
        await tx.add(Closure("one", "main", ClosureState.ACTIVE, zone, "admin", tx.now, end))


async def uneven_fleet(served: Served) -> None:
    """Three nodes in one of several zones."""
    await served.apply(FLEET.replace("nodes: 1", "nodes: 3\nplacement: spread\nresources: {cpu: 1.., memory: 1GB..}"))
    async with served.engine.database.write() as tx:
        fleet = await tx.fleets.named("main", "train")
        assert fleet is not None
        for each in await tx.fleets.instances(fleet):
            await tx.update(each, zone=Zone("fake", "fake-1", "fake-1a"))


async def rebalanced_fleet(served: Served) -> None:
    await uneven_fleet(served)
    await served.ask("POST", "/api/projects/main/fleets/train/rebalance", json={})


@dataclass(frozen=True)
class Row:
    """A request by `admin` that changes something, and the event: kind, name, what it came to, and why."""

    event: tuple[str, str, str, str]
    path: str = ""
    body: Any = None
    before: Callable[[Served], Awaitable[None]] = nothing
    project: str = "main"


ZONE = "/api/projects/main/zones/fake/fake-1/fake-1a"
WITHOUT: dict[tuple[str, str], str] = {
    ("POST", "/api/projects/{project}/plan"): "changes nothing",
    ("POST", "/api/projects/{project}/plan/snapshot"): "changes nothing",
    ("POST", "/api/projects/{project}/replay"): "changes nothing",
    ("POST", "/api/projects/{project}/archives/missing"): "changes nothing",
    ("PUT", "/api/projects/{project}/archives/{digest}"): "of no record yet: the run that needs it names its user",
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/closures/preview"): "changes nothing",
    ("POST", "/api/projects/{project}/fleets/{name}/rebalance/preview"): "changes nothing",
    ("POST", "/api/projects/{project}/what-if"): "changes nothing",
    ("POST", "/api/projects/{project}/rehearsals"): "changes nothing",
    ("DELETE", "/api/orphans"): "of no project: the log line of the request names the user",
    ("POST", "/api/users"): "of no project: the log line of the request names the user",
    ("DELETE", "/api/users/{name}"): "of no project: the log line of the request names the user",
    ("POST", "/api/tokens"): "of no project: the log line of the request names the user",
    ("DELETE", "/api/tokens/{prefix}"): "of no project: the log line of the request names the user",
}
TABLE: dict[tuple[str, str], Row] = {
    ("POST", "/api/projects"): Row(
        ("project", "fresh", "created", ""), "/api/projects", {"name": "fresh"}, project="fresh"
    ),
    ("DELETE", "/api/projects/{project}"): Row(
        ("project", "other", "deleted", ""), "/api/projects/other", project="other"
    ),
    ("PUT", "/api/projects/{project}/members/{user}"): Row(
        ("member", "stranger", "user", ""), "/api/projects/main/members/stranger", {"role": "user"}
    ),
    ("DELETE", "/api/projects/{project}/members/{user}"): Row(
        ("member", "user", "removed", ""), "/api/projects/main/members/user"
    ),
    ("POST", "/api/projects/{project}/apply"): Row(
        ("fleet", "train", "active", "applied"),
        "/api/projects/main/apply",
        {"files": [{"name": "x.yml", "text": FLEET}]},
    ),
    ("DELETE", "/api/projects/{project}/fleets/{name}"): Row(
        ("fleet", "train", "deleting", "deleted"), "/api/projects/main/fleets/train", before=applied(FLEET)
    ),
    ("POST", "/api/projects/{project}/fleets/{name}/retry"): Row(
        ("fleet", "train", "active", "retry-asked"), "/api/projects/main/fleets/train/retry", before=applied(FLEET)
    ),
    ("POST", "/api/projects/{project}/fleets/{name}/rebalance"): Row(
        ("fleet", "train", "active", "rebalance-asked"),
        "/api/projects/main/fleets/train/rebalance",
        {},
        before=uneven_fleet,
    ),
    ("DELETE", "/api/projects/{project}/fleets/{name}/rebalance"): Row(
        ("fleet", "train", "active", "rebalance-ended"),
        "/api/projects/main/fleets/train/rebalance",
        before=rebalanced_fleet,
    ),
    ("DELETE", "/api/projects/{project}/volumes/{name}"): Row(
        ("volume", "data", "submitted", "delete-asked"), "/api/projects/main/volumes/data", before=applied(VOLUME)
    ),
    ("DELETE", "/api/projects/{project}/runs/{name}"): Row(
        ("run", "work", "done", "removed"), "/api/projects/main/runs/work", before=finished_run
    ),
    ("POST", "/api/projects/{project}/runs/{name}/stop"): Row(
        ("run", "work", "submitted", "stop-asked"), "/api/projects/main/runs/work/stop", {}, before=applied(TASK)
    ),
    ("POST", "/api/projects/{project}/runs/{name}/retry"): Row(
        ("run", "work", "submitted", "retry-asked"), "/api/projects/main/runs/work/retry", before=applied(TASK)
    ),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/fail"): Row(
        ("zone", "fake-1a", "failed", ""), f"{ZONE}/fail"
    ),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/restore"): Row(
        ("zone", "fake-1a", "restored", ""), f"{ZONE}/restore"
    ),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/closures"): Row(
        ("closure", "fake-1a", "active", "patch"), f"{ZONE}/closures", {"seconds": 60, "reason": "patch"}
    ),
    ("DELETE", "/api/projects/{project}/closures/{id}"): Row(
        ("closure", "fake-1a", "ended", "opened"), "/api/projects/main/closures/one", before=closed_zone
    ),
    ("PUT", "/api/projects/{project}/secrets/{name}"): Row(
        ("secret", "KEY", "set", ""), "/api/projects/main/secrets/KEY", {"value": "hush"}
    ),
    ("DELETE", "/api/projects/{project}/secrets/{name}"): Row(
        ("secret", "KEY", "deleted", ""), "/api/projects/main/secrets/KEY", before=secret
    ),
}


async def events(served: Served, project: str = "main") -> list[tuple[Any, ...]]:
    """All that happened in a project, also in one that is gone."""
    async with served.engine.database.read() as tx:
        found = await tx.last_events(project, 1000)
    return [(one.actor, (one.kind, one.name, one.to_state, one.reason)) for one in found]


async def test_every_route_that_changes_something_has_a_row(served: Served) -> None:
    paths = served.app.openapi()["paths"].items()
    changing = {(method.upper(), path) for path, methods in paths for method in methods if method != "get"}
    assert changing == {*TABLE, *WITHOUT}


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda value: value.strip("/").replace("/", "-"))
async def test_a_route_that_changes_something_leaves_an_event_that_names_the_asker(
    served: Served, method: str, path: str
) -> None:
    row = TABLE[method, path]
    await row.before(served)
    assert ("admin", row.event) not in await events(served, row.project)
    answer = await served.ask(method, row.path, "admin", json=row.body)
    assert answer.status_code < 300, answer.text
    assert (await events(served, row.project)).count(("admin", row.event)) == 1


async def test_a_repeated_request_leaves_one_event(served: Served) -> None:
    await served.apply(VOLUME + "---\n" + TASK)
    for _ in range(2):
        await served.ask("DELETE", "/api/projects/main/volumes/data")
        await served.ask("POST", "/api/projects/main/runs/work/stop", json={})
        await served.ask("POST", "/api/projects/main/runs/work/stop", json={"abort": True})
    reasons = [event[3] for actor, event in await events(served) if actor and event[3].endswith("-asked")]
    assert sorted(reasons) == ["abort-asked", "delete-asked", "stop-asked"]


async def test_a_change_in_place_names_its_user_and_the_same_file_again_leaves_no_event(served: Served) -> None:
    await served.apply(FLEET, "user")
    before = await events(served)
    await served.apply(FLEET, "manager")
    assert await events(served) == before
    await served.apply(FLEET.replace("nodes: 1", "nodes: 2"), "manager")
    assert ("manager", ("fleet", "train", "active", "changed")) in await events(served)


async def test_requests_are_shown_to_members(served: Served) -> None:
    await served.apply(TASK, "user")
    await served.ask("POST", "/api/projects/main/runs/work/stop", "manager", json={})
    [event] = (await served.ask("GET", "/api/projects/main/events?kind=run&last=1", "user")).json()
    assert (event["from_state"], event["to_state"]) == ("submitted", "submitted")
    assert (event["reason"], event["actor"]) == ("stop-asked", "manager")
    [taken_in] = (await served.ask("GET", "/api/projects/main/events?kind=member&name=user", "user")).json()
    assert (taken_in["to_state"], taken_in["actor"]) == ("user", "")
