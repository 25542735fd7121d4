"""Every route for every role: the table says which roles it accepts, and a route without a row fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.server.conftest import Served

EVERYBODY, KNOWN, MEMBER, MANAGER, ADMIN, PROJECT_ADMIN = "everybody", "known", "member", "manager", "admin", "project"
ASKERS = ("", "wrong", "revoked", "expired", "stranger", "user", "manager", "admin")
LET_IN = {
    EVERYBODY: ASKERS,
    KNOWN: ("stranger", "user", "manager", "admin"),
    MEMBER: ("user", "manager", "admin"),
    MANAGER: ("manager", "admin"),
    ADMIN: ("admin",),
    PROJECT_ADMIN: ("admin",),
}
"""The accepted users. The stranger manages another project; `project` is for admins, on a project's path."""


@dataclass(frozen=True)
class Row:
    """A route: the accepted users, and a request that the first of them gets `status` for."""

    level: str
    status: int
    parts: dict[str, str]
    body: Any = None


P = {"project": "main"}
FILES = {"files": [{"name": "x.yml", "text": "type: fleet\nname: mine\nnodes: 1\n"}]}


REGION = {**P, "backend": "fake", "region": "x"}
ZONE = {**P, "backend": "fake", "region": "fake-1", "name": "fake-1a"}
TABLE: dict[tuple[str, str], Row] = {
    ("GET", "/healthz"): Row(EVERYBODY, 200, {}),
    ("GET", "/readyz"): Row(EVERYBODY, 503, {}),
    ("GET", "/openapi.json"): Row(KNOWN, 200, {}),
    ("GET", "/metrics"): Row(KNOWN, 200, {}),
    ("GET", "/api/status"): Row(KNOWN, 200, {}),
    ("GET", "/api/orphans"): Row(ADMIN, 200, {}),
    ("DELETE", "/api/orphans"): Row(ADMIN, 200, {}, []),
    ("GET", "/api/projects"): Row(KNOWN, 200, {}),
    ("POST", "/api/projects"): Row(ADMIN, 201, {}, {"name": "fresh"}),
    ("DELETE", "/api/projects/{project}"): Row(ADMIN, 200, {"project": "other"}),
    ("GET", "/api/projects/{project}/members"): Row(MEMBER, 200, P),
    ("PUT", "/api/projects/{project}/members/{user}"): Row(MANAGER, 200, {**P, "user": "stranger"}, {"role": "user"}),
    ("DELETE", "/api/projects/{project}/members/{user}"): Row(MANAGER, 200, {**P, "user": "user"}),
    ("GET", "/api/users"): Row(ADMIN, 200, {}),
    ("GET", "/api/users/me"): Row(KNOWN, 200, {}),
    ("POST", "/api/users"): Row(ADMIN, 201, {}, {"name": "fresh"}),
    ("DELETE", "/api/users/{name}"): Row(ADMIN, 200, {"name": "stranger"}),
    ("GET", "/api/tokens"): Row(KNOWN, 200, {}),
    ("POST", "/api/tokens"): Row(KNOWN, 201, {}, {"name": "fresh"}),
    ("DELETE", "/api/tokens/{prefix}"): Row(KNOWN, 404, {"prefix": "nobodys"}),
    ("POST", "/api/projects/{project}/plan"): Row(MEMBER, 200, P, FILES),
    ("POST", "/api/projects/{project}/plan/snapshot"): Row(MEMBER, 200, P, FILES),
    ("POST", "/api/projects/{project}/replay"): Row(MEMBER, 422, P, {"files": []}),
    ("POST", "/api/projects/{project}/apply"): Row(MEMBER, 200, P, FILES),
    ("POST", "/api/projects/{project}/archives/missing"): Row(MEMBER, 200, P, {"digests": ["0" * 64]}),
    ("PUT", "/api/projects/{project}/archives/{digest}"): Row(MEMBER, 422, {**P, "digest": "0" * 64}),
    ("GET", "/api/projects/{project}/configurations/{kind}/{name}"): Row(
        MEMBER, 404, {**P, "kind": "run", "name": "none"}
    ),
    ("GET", "/api/projects/{project}/why/{kind}/{name}"): Row(MEMBER, 404, {**P, "kind": "fleet", "name": "none"}),
    ("GET", "/api/projects/{project}/fleets"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/fleets/{name}"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("DELETE", "/api/projects/{project}/fleets/{name}"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("POST", "/api/projects/{project}/fleets/{name}/retry"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("POST", "/api/projects/{project}/fleets/{name}/rebalance/preview"): Row(MANAGER, 404, {**P, "name": "none"}, {}),
    ("POST", "/api/projects/{project}/fleets/{name}/rebalance"): Row(MANAGER, 404, {**P, "name": "none"}, {}),
    ("DELETE", "/api/projects/{project}/fleets/{name}/rebalance"): Row(MANAGER, 404, {**P, "name": "none"}),
    ("GET", "/api/projects/{project}/instances"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/volumes"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/volumes/{name}"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("DELETE", "/api/projects/{project}/volumes/{name}"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("GET", "/api/projects/{project}/runs"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/runs/{name}"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("DELETE", "/api/projects/{project}/runs/{name}"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("POST", "/api/projects/{project}/runs/{name}/stop"): Row(MEMBER, 404, {**P, "name": "none"}, {}),
    ("POST", "/api/projects/{project}/runs/{name}/retry"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("GET", "/api/projects/{project}/runs/{name}/logs"): Row(MEMBER, 404, {**P, "name": "none"}),
    ("GET", "/api/projects/{project}/runs/{name}/jobs/{rank}/ports/{port}"): Row(
        MEMBER, 426, {**P, "name": "none", "rank": "0", "port": "80"}
    ),
    ("GET", "/api/projects/{project}/events"): Row(MEMBER, 200, P),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/closures"): Row(
        MANAGER, 201, ZONE, {"seconds": 60}
    ),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/closures/preview"): Row(
        MANAGER, 200, {**ZONE, "name": "fake-1b"}, {"seconds": 60, "operation": "drain"}
    ),
    ("POST", "/api/projects/{project}/what-if"): Row(MEMBER, 200, P, {"each_zone": True}),
    ("POST", "/api/projects/{project}/rehearsals"): Row(
        MEMBER, 200, P, {"zones": [{"backend": "fake", "region": "fake-1", "name": "fake-1b"}], "seconds": 60}
    ),
    ("GET", "/api/projects/{project}/closures"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/closures/{id}"): Row(MEMBER, 404, {**P, "id": "none"}),
    ("DELETE", "/api/projects/{project}/closures/{id}"): Row(MANAGER, 404, {**P, "id": "none"}),
    ("GET", "/api/projects/{project}/zones"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/zones/{backend}/{region}"): Row(MEMBER, 404, REGION),
    ("GET", "/api/projects/{project}/zones/{backend}/{region}/{name}"): Row(MEMBER, 200, ZONE),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/fail"): Row(PROJECT_ADMIN, 200, ZONE),
    ("POST", "/api/projects/{project}/zones/{backend}/{region}/{name}/restore"): Row(PROJECT_ADMIN, 200, ZONE),
    ("GET", "/api/projects/{project}/offers"): Row(MEMBER, 200, P),
    ("GET", "/api/projects/{project}/offers/by/{group}"): Row(MEMBER, 200, {**P, "group": "zone"}),
    ("GET", "/api/projects/{project}/secrets"): Row(MEMBER, 200, P),
    ("PUT", "/api/projects/{project}/secrets/{name}"): Row(MANAGER, 200, {**P, "name": "KEY"}, {"value": "hush"}),
    ("DELETE", "/api/projects/{project}/secrets/{name}"): Row(MANAGER, 404, {**P, "name": "NONE"}),
}


def refusal_of(asker: str, level: str) -> tuple[int, str]:
    """The answer to a user without the right: nothing about a project of others."""
    if asker in ("", "wrong", "revoked", "expired"):
        return 401, "unauthorized"
    if asker == "stranger" and level in (MEMBER, MANAGER, PROJECT_ADMIN):
        return 404, "not-found"
    return 403, "forbidden"


def routes(served: Served) -> Iterator[tuple[str, str]]:
    for path, methods in served.app.openapi()["paths"].items():
        yield from ((method.upper(), path) for method in methods)
    yield "GET", "/openapi.json"


async def test_every_route_has_a_row(served: Served) -> None:
    assert set(routes(served)) == set(TABLE)


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda value: value.strip("/").replace("/", "-"))
async def test_a_route_is_open_to_whom_the_table_says(served: Served, method: str, path: str) -> None:
    row = TABLE[method, path]
    first = True
    for asker in ASKERS:
        answer = await served.ask(method, path.format(**row.parts), asker, json=row.body)
        if asker not in LET_IN[row.level]:
            assert (answer.status_code, answer.json()["code"]) == refusal_of(asker, row.level), asker
            if answer.status_code == 404:
                assert answer.json()["message"] == "there is no project `main`"
            continue
        assert answer.status_code not in (401, 403), asker
        if first:
            assert answer.status_code == row.status, answer.text
        if answer.status_code == 404:
            assert "no project" not in answer.json()["message"]
        first = False


async def test_a_foreign_project_looks_like_one_that_does_not_exist(served: Served) -> None:
    foreign = await served.ask("GET", "/api/projects/other/fleets", "user")
    missing = await served.ask("GET", "/api/projects/missing/fleets", "user")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace("other", "missing") == missing.text


async def test_an_admin_learns_that_a_project_does_not_exist(served: Served) -> None:
    assert (await served.ask("GET", "/api/projects/missing/fleets")).status_code == 404


async def test_everybody_sees_the_projects_they_are_in(served: Served) -> None:
    async def seen(user: str) -> list[tuple[str, str]]:
        return [(one["name"], one["role"]) for one in (await served.ask("GET", "/api/projects", user)).json()]

    assert await seen("user") == [("main", "user")]
    assert await seen("stranger") == [("other", "manager")]
    assert await seen("admin") == [("main", "manager"), ("other", "admin")]


async def test_nobody_reads_another_projects_things(served: Served) -> None:
    await served.apply("type: fleet\nname: theirs\nnodes: 1\n", project="other")
    assert (await served.ask("GET", "/api/projects/main/fleets/theirs", "user")).status_code == 404
    for what in ("fleets", "instances", "events?kind=fleet"):
        assert (await served.ask("GET", f"/api/projects/main/{what}", "user")).json() == []
        assert (await served.ask("GET", f"/api/projects/other/{what}", "stranger")).json() != []


async def test_a_change_of_role_counts_at_once(served: Served) -> None:
    path = "/api/projects/main/members/user"
    assert (await served.ask("DELETE", "/api/projects/main/members/stranger", "user")).status_code == 403
    await served.ask("PUT", path, "manager", json={"role": "manager"})
    assert (await served.ask("PUT", "/api/projects/main/secrets/A", "user", json={"value": "x"})).status_code == 200
    await served.ask("DELETE", path, "manager")
    assert (await served.ask("GET", "/api/projects/main/fleets", "user")).status_code == 404


async def test_only_admins_close_and_open_a_zone_for_all_projects(served: Served) -> None:
    path = "/api/projects/main/zones/fake/fake-1/fake-1a/closures"
    wide = {"seconds": 60, "server_wide": True, "operation": "drain"}
    for route in (path, f"{path}/preview"):
        assert (await served.ask("POST", route, "manager", json=wide)).status_code == 403
    closure = (await served.ask("POST", path, "admin", json=wide)).json()
    end = f"/api/projects/main/closures/{closure['id']}"
    assert (await served.ask("DELETE", end, "manager")).status_code == 403
    seen = (await served.ask("GET", "/api/projects/other/closures", "stranger")).json()
    assert [one["id"] for one in seen] == [closure["id"]]
    assert (await served.ask("DELETE", end, "admin")).json()["state"] == "ended"


async def test_the_closure_of_a_project_is_hidden_from_others(served: Served) -> None:
    path = "/api/projects/main/zones/fake/fake-1/fake-1a/closures"
    closure = (await served.ask("POST", path, "manager", json={"seconds": 60})).json()
    assert (await served.ask("GET", "/api/projects/other/closures", "stranger")).json() == []
    for method in ("GET", "DELETE"):
        answer = await served.ask(method, f"/api/projects/other/closures/{closure['id']}", "stranger")
        assert answer.status_code == 404


async def test_another_scheme_and_an_empty_token_are_refused(served: Served) -> None:
    for header in ("Basic abc", "Bearer", "Bearer ", "bearer  ", served.tokens["admin"], "Bearer \xff\xfe"):
        answer = await served.client.get("/api/users/me", headers=[(b"authorization", header.encode("latin-1"))])
        assert answer.status_code == 401, header
