"""Projects, users and tokens over the API: what is shown once, what ends, what cannot be undone."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from atoll.engine.requests import accounts as access
from tests.server.conftest import Served


async def test_a_token_is_shown_once_and_kept_as_a_hash(served: Served, tmp_path: Path) -> None:
    made = (await served.ask("POST", "/api/tokens", "user", json={"name": "laptop"})).json()
    assert made["token"].startswith(made["view"]["prefix"])
    listed = (await served.ask("GET", "/api/tokens", "user")).text
    assert made["token"] not in listed
    assert made["view"]["prefix"] in listed
    with sqlite3.connect(tmp_path / "atoll.db") as database:
        assert not [line for line in database.iterdump() if made["token"] in line]


async def test_a_token_lets_its_user_in_until_it_ends(served: Served) -> None:
    made = (await served.ask("POST", "/api/tokens", "user", json={"name": "short", "seconds": 3600})).json()
    served.tokens["short"] = made["token"]
    assert (await served.ask("GET", "/api/users/me", "short")).json()["name"] == "user"
    served.clock.ahead += timedelta(seconds=3601)
    assert (await served.ask("GET", "/api/users/me", "short")).status_code == 401


async def test_a_revoked_token_is_refused_from_the_next_request_on(served: Served) -> None:
    made = (await served.ask("POST", "/api/tokens", "user", json={"name": "lost"})).json()
    served.tokens["lost"] = made["token"]
    assert (await served.ask("GET", "/api/users/me", "lost")).status_code == 200
    gone = await served.ask("DELETE", f"/api/tokens/{made['view']['prefix']}", "user")
    assert gone.json()["revoked_at"] is not None
    assert (await served.ask("GET", "/api/users/me", "lost")).status_code == 401


async def test_users_neither_see_nor_revoke_nor_make_the_tokens_of_others(served: Served) -> None:
    [theirs] = (await served.ask("GET", "/api/tokens", "manager")).json()
    assert (await served.ask("DELETE", f"/api/tokens/{theirs['prefix']}", "user")).status_code == 404
    assert (await served.ask("GET", "/api/tokens?all=1", "user")).status_code == 403
    assert (await served.ask("POST", "/api/tokens", "user", json={"name": "x", "user": "admin"})).status_code == 403
    assert (await served.ask("DELETE", f"/api/tokens/{theirs['prefix']}", "admin")).status_code == 200


async def test_the_first_token_shows_its_beginning_only_where_it_is_long(served: Served) -> None:
    await access.keep_first_token(served.engine.context, "short")
    prefixes = [one["prefix"] for one in (await served.ask("GET", "/api/tokens")).json()]
    assert "first-token-" in prefixes
    assert not [prefix for prefix in prefixes if prefix.startswith("short")]


async def test_the_tokens_of_a_deleted_user_are_refused(served: Served) -> None:
    assert (await served.ask("GET", "/api/users/me", "user")).status_code == 200
    await served.ask("DELETE", "/api/users/user")
    assert (await served.ask("GET", "/api/users/me", "user")).status_code == 401


async def test_the_last_admin_stays(served: Served) -> None:
    answer = await served.ask("DELETE", "/api/users/admin")
    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
    await served.ask("POST", "/api/users", json={"name": "second", "admin": True})
    assert (await served.ask("DELETE", "/api/users/admin")).status_code == 200


async def test_a_project_with_something_in_it_is_not_deleted(served: Served) -> None:
    await served.apply("type: fleet\nname: train\nnodes: 2\n", project="other")
    answer = await served.ask("DELETE", "/api/projects/other")
    assert answer.status_code == 409
    assert answer.json()["message"] == "the project `other` holds 1 fleet, 2 instances"


async def test_a_deleted_projects_name_is_not_given_again(served: Served) -> None:
    await served.ask("PUT", "/api/projects/other/secrets/KEY", json={"value": "x"})
    assert (await served.ask("DELETE", "/api/projects/other")).status_code == 200
    assert (await served.ask("GET", "/api/projects/other/secrets", "stranger")).status_code == 404
    assert (await served.ask("POST", "/api/projects", json={"name": "other"})).json()["code"] == "name-taken"
    assert (await served.ask("DELETE", "/api/projects/main")).json()["code"] == "first-project"


async def test_names_that_are_none_are_refused(served: Served) -> None:
    for path, body in (
        ("/api/projects", {"name": "My Project"}),
        ("/api/projects", {"name": "x" * 42}),
        ("/api/users", {"name": "a\x00b"}),
        ("/api/users", {"name": "../up"}),
        ("/api/tokens", {"name": "two\nlines"}),
        ("/api/tokens", {"name": "x", "seconds": -1}),
        ("/api/tokens", {"name": "x", "seconds": 1e300}),
    ):
        assert (await served.ask("POST", path, json=body)).status_code == 422, body


async def test_events_name_the_user_behind_a_change(served: Served) -> None:
    await served.apply("type: fleet\nname: train\nnodes: 1\n", "user")
    await served.ask("DELETE", "/api/projects/main/fleets/train", "manager")
    events = (await served.ask("GET", "/api/projects/main/events?kind=fleet")).json()
    assert [(one["to_state"], one["actor"]) for one in events] == [("active", "user"), ("deleting", "manager")]


async def test_what_the_engine_does_by_itself_has_no_actor(served: Served) -> None:
    await served.engine.start()
    await served.apply("type: fleet\nname: train\nnodes: 1\n", "user")
    after = 0
    states: dict[str, str] = {}
    while "launching" not in states:
        path = f"/api/projects/main/events?kind=instance&after={after}&wait=5"
        for one in (await served.ask("GET", path)).json():
            after, states[one["to_state"]] = one["seq"], one["actor"]
    assert states["pending"] == "user"
    assert states["launching"] == ""


async def test_two_servers_that_write_the_same_row_end_in_a_refusal(served: Served) -> None:
    async def raced() -> None:
        async with served.engine.database.write() as tx:
            await tx.access.add_user("user", False, tx.now)

    served.app.add_api_route("/raced", raced)
    answer = await served.ask("GET", "/raced")
    assert (answer.status_code, answer.json()["code"]) == (409, "raced")
