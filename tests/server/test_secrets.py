"""Secrets and the values of variables: in nothing that is kept, shown or logged, and in the job's environment alone."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from atoll.backends.fake import open_fake
from atoll.engine.engine import Engine, Options, utc_now
from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.sealed_environment import SecretMissing, open_environment
from atoll.engine.parts.vault import Vault, WrongKey
from atoll.engine.placing.demand import spec_of
from atoll.engine.requests.secrets import set_secret
from atoll.engine.work.job_container import container_of
from atoll.engine.work.key_rotation import reseal, reseal_in_background
from atoll.model.access import Role
from atoll.server.app import create_app
from atoll.server.logs import LineFormatter
from atoll.store.database import open_database, sqlite_url
from atoll.wire.api import SourceFile, Submission
from tests.server.conftest import Served

HUSH = "correct-horse-battery"
PLAIN = "plain-text-of-a-variable"
TASK = f"""
type: task
name: train
commands: [./train.sh]
resources: {{cpu: 1.., memory: 1GB..}}
env:
  KEY: "Bearer ${{{{ secrets.API_KEY }}}}"
  MODE: {PLAIN}
"""


OLD_KEY = base64.b64encode(bytes(32)).decode()
NEW_KEY = base64.b64encode(bytes(range(32))).decode()


@asynccontextmanager
async def other_server(served: Served, folder: Path, keys: str | None) -> AsyncIterator[Served]:
    """Another server of the same database, with keys of its own, or with those of the folder."""
    database = await open_database(sqlite_url(folder / "atoll.db"), served.clock.now)
    backends = {"fake": open_fake({}, folder / "another")}
    engine = await Engine.over(database, backends, folder, Options(now=served.clock.now, secret_key=keys))
    app = create_app(engine, "test")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://atoll") as client:
        yield Served(engine, app, client, served.clock, served.tokens)
    await engine.close()


async def give(served: Served, value: str = HUSH, name: str = "API_KEY") -> None:
    answer = await served.ask("PUT", f"/api/projects/main/secrets/{name}", "manager", json={"value": value})
    assert answer.status_code == 200


async def environment(served: Served) -> dict[str, str]:
    """What the job of the run gets."""
    async with served.engine.database.read() as tx:
        run = await tx.runs.named("main", "train")
        assert run is not None
        return await open_environment(served.engine.context.vault, tx, "main", run.config["env"])


async def test_a_job_gets_the_value_and_nothing_else_does(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await give(served)
    await served.engine.start()
    shown = [(await served.apply(TASK, "user")).text]
    run = "/api/projects/main/runs/train"
    while (state := (await served.ask("GET", run)).json())["status"] not in ("done", "failed"):
        await asyncio.sleep(0.05)
    assert state["status"] == "done"
    assert await environment(served) == {"KEY": f"Bearer {HUSH}", "MODE": PLAIN}
    for path in ("runs?all=1", "runs/train", "events", "secrets", "fleets", "instances"):
        shown.append((await served.ask("GET", f"/api/projects/main/{path}", "user")).text)
    shown.append((await served.ask("GET", "/metrics", "user")).text)
    shown.append("\n".join(LineFormatter().format(record) for record in caplog.records))
    shown += [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    for text in shown:
        assert HUSH not in text
        assert PLAIN not in text


async def test_an_unknown_secret_is_found_at_plan_time_with_its_place(served: Served) -> None:
    await give(served, name="API_KEZ")
    answer = await served.apply(TASK, "user")
    [finding] = [one for one in answer.json()["diagnostics"] if one["code"] == "unknown-secret"]
    assert finding["message"] == "there is no secret `API_KEY` in this project"
    assert finding["span"]["line"] == 7
    assert finding["help"] == "did you mean `API_KEZ`?"


async def test_a_saved_world_says_nothing_of_secrets(served: Served) -> None:
    await give(served)
    body = {"files": [{"name": "x.yml", "text": TASK}]}
    saved = await served.ask("POST", "/api/projects/main/plan/snapshot", "user", json=body)
    _, _, snapshot = saved.content.partition(b"\n")
    content = json.dumps(body).encode() + b"\n" + snapshot
    answer = await served.ask("POST", "/api/projects/main/replay", "user", content=content)
    assert (answer.status_code, answer.json()["diagnostics"]) == (200, [])
    assert HUSH not in saved.text
    assert PLAIN not in saved.text


async def test_the_secrets_of_another_project_are_unknown(served: Served) -> None:
    await served.ask("PUT", "/api/projects/other/secrets/API_KEY", "stranger", json={"value": HUSH})
    assert (await served.apply(TASK, "user")).status_code == 422


async def test_the_same_file_changes_nothing_and_another_value_is_not_shown(served: Served) -> None:
    await give(served)
    assert (await served.apply(TASK)).json()["changes"][0]["action"] == "create"
    assert (await served.apply(TASK)).json()["changes"][0]["action"] == "unchanged"
    [change] = (await served.apply(TASK.replace(PLAIN, "another"))).json()["changes"]
    assert change["action"] == "replace"
    assert change["fields"] == [{"key": "env", "old": "(changed)", "new": "(changed)", "in_place": False}]


async def test_a_password_of_a_registry_is_never_shown(served: Served) -> None:
    text = "type: task\nname: train\ncommands: [a]\nregistry_auth: {username: u, password: hunter2}\n"
    for path in ("plan", "apply"):
        answer = await served.ask(
            "POST", f"/api/projects/main/{path}", json={"files": [{"name": "x.yml", "text": text}]}
        )
        assert "registry_auth" in answer.text
        assert "hunter" not in answer.text


async def test_a_secret_that_went_away_fails_the_job_with_its_name(served: Served) -> None:
    await give(served)
    await served.apply(TASK)
    await served.ask("DELETE", "/api/projects/main/secrets/API_KEY", "manager")
    with pytest.raises(SecretMissing, match="there is no secret `API_KEY` any more"):
        await environment(served)
    await served.engine.start()
    run = "/api/projects/main/runs/train"
    while (state := (await served.ask("GET", run)).json())["status"] != "failed":
        await asyncio.sleep(0.05)
    assert state["jobs"][0]["message"] == "there is no secret `API_KEY` any more"


async def test_what_was_kept_before_there_was_sealing_means_itself(served: Served) -> None:
    assert served.engine.context.vault.open_config({"env": {"A": "x"}, "nodes": 2}) == {"env": {"A": "x"}, "nodes": 2}


async def test_a_value_may_be_long_but_not_endless(served: Served) -> None:
    path = "/api/projects/main/secrets/BIG"
    assert (await served.ask("PUT", path, json={"value": "x" * 65536})).status_code == 200
    assert (await served.ask("PUT", path, json={"value": "x" * 65537})).status_code == 422
    assert (await served.ask("PUT", path, json={"value": "a\x00b"})).status_code == 422


async def test_a_server_with_another_key_refuses_and_seals_nothing(served: Served, tmp_path: Path) -> None:
    await give(served)
    await served.apply(TASK)
    database = await open_database(sqlite_url(tmp_path / "atoll.db"), served.clock.now)
    backends = {"fake": open_fake({}, tmp_path / "second")}
    other = await Engine.over(database, backends, tmp_path / "second", Options(now=served.clock.now))
    served.app.state.engine = other
    try:
        answer = await served.ask("PUT", "/api/projects/main/secrets/B", json={"value": "x"})
        assert (answer.status_code, answer.json()["code"]) == (503, "wrong-secret-key")
        answer = await served.apply(TASK)
        assert (answer.status_code, answer.json()["code"]) == (503, "wrong-secret-key")
    finally:
        await other.close()


def test_sealed_text_opens_only_with_its_key_and_at_its_place(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secret.key")
    sealed = vault.seal("text", "main/A")
    assert sealed != vault.seal("text", "main/A")
    assert Vault(tmp_path / "secret.key").open(sealed, "main/A") == "text"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WrongKey):
        vault.open(sealed, "main/B")
    with pytest.raises(WrongKey):
        vault.open(sealed[:-8] + "AAAAAAA=", "main/A")
    with pytest.raises(WrongKey):
        Vault(tmp_path / "other.key").open(sealed, "main/A")


@pytest.mark.parametrize("text", ["", "short", "!" * 44, "c2hvcnQ=", f"{NEW_KEY},", f"{NEW_KEY} {NEW_KEY}"])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"ATOLL_SECRET_KEY .* not a key"):
        Vault(tmp_path / "secret.key", text)


async def test_after_a_rotation_old_values_are_read_and_the_old_key_opens_nothing(
    served: Served, tmp_path: Path
) -> None:
    await give(served)
    await served.apply(TASK)
    old = (tmp_path / "secret.key").read_text().strip()
    async with other_server(served, tmp_path, f"{NEW_KEY},{old}") as second:
        assert await environment(second) == {"KEY": f"Bearer {HUSH}", "MODE": PLAIN}
        assert await reseal(second.engine.context) == (2, 0)
        assert await reseal(second.engine.context) == (0, 0)
        assert (await second.apply(TASK)).json()["changes"][0]["action"] == "unchanged"
    async with other_server(served, tmp_path, NEW_KEY) as third:
        assert await environment(third) == {"KEY": f"Bearer {HUSH}", "MODE": PLAIN}
        await give(third, "another")
    with pytest.raises(WrongKey):
        await environment(served)
    answer = await served.ask("PUT", "/api/projects/main/secrets/B", json={"value": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "wrong-secret-key")


async def test_while_servers_get_a_new_key_one_after_the_other_all_read_and_seal(
    served: Served, tmp_path: Path
) -> None:
    await give(served)
    old = (tmp_path / "secret.key").read_text().strip()
    async with (
        other_server(served, tmp_path, f"{old},{NEW_KEY}") as first,
        other_server(served, tmp_path, f"{NEW_KEY},{old}") as second,
    ):
        await give(second, name="BEFORE")
        await reseal(second.engine.context)
        await give(first, name="AFTER")
        await second.apply(TASK)
        assert (await environment(first))["KEY"] == f"Bearer {HUSH}"
    async with other_server(served, tmp_path, NEW_KEY) as last, last.engine.database.read() as tx:
        env = {name: f"${{{{ secrets.{name} }}}}" for name in ("API_KEY", "BEFORE", "AFTER")}
        opened = await open_environment(last.engine.context.vault, tx, "main", env)
        assert set(opened.values()) == {HUSH}


async def test_a_server_with_several_keys_reseals_as_it_starts_and_says_when_the_old_one_can_go(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await give(served)
    key = tmp_path / "secret.key"
    key.write_text(f"{NEW_KEY}\n{key.read_text()}")
    async with other_server(served, tmp_path, None) as second:
        await second.engine.start()
        while "the older ones can go" not in caplog.text:
            await asyncio.sleep(0.01)
    assert "values=1 resealed" in caplog.text
    async with other_server(served, tmp_path, NEW_KEY) as last, last.engine.database.read() as tx:
        assert await open_environment(last.engine.context.vault, tx, "main", {"A": "${{ secrets.API_KEY }}"}) == {
            "A": HUSH
        }


async def test_a_value_that_no_key_opens_is_kept_and_reported(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await give(served)
    old = (tmp_path / "secret.key").read_text().strip()
    async with served.engine.database.write() as tx:
        await tx.secrets.renew("main", "API_KEY", Vault(tmp_path / "lost.key").seal(HUSH, "main/API_KEY"))
    await give(served, name="GOOD")
    async with other_server(served, tmp_path, f"{NEW_KEY},{old}") as second:
        assert await reseal(second.engine.context) == (1, 1)
        await reseal_in_background(second.engine.context)
    assert "values=1 cannot be opened with any key given: keep the older ones" in caplog.text


async def test_values_in_postgresql_are_resealed(postgresql_database: Callable[[], str], tmp_path: Path) -> None:
    url = postgresql_database()
    for keys, counts in ((OLD_KEY, None), (f"{NEW_KEY},{OLD_KEY}", (2, 0)), (NEW_KEY, (0, 0))):
        database = await open_database(url, utc_now)
        backends = {"fake": open_fake({}, tmp_path / "cloud")}
        engine = await Engine.over(database, backends, tmp_path, Options(secret_key=keys))
        context = engine.context
        if counts is None:
            await set_secret(context, "main", "API_KEY", HUSH, "admin")
            await engine.apply("main", Submission((SourceFile("x.yml", TASK),)))
        else:
            assert await reseal(context) == counts
        async with context.database.read() as tx:
            run = await tx.runs.named("main", "train")
            assert run is not None
            assert (await open_environment(context.vault, tx, "main", run.config["env"]))["KEY"] == f"Bearer {HUSH}"
        await engine.close()


async def test_keys_that_the_database_does_not_know_move_nothing(served: Served, tmp_path: Path) -> None:
    await give(served)
    await served.apply(TASK)
    async with other_server(served, tmp_path, f"{NEW_KEY},{OLD_KEY}") as second:
        with pytest.raises(Refused, match="is not the one"):
            await reseal(second.engine.context)
    assert (await environment(served))["KEY"] == f"Bearer {HUSH}"


async def test_roles_hold_for_secrets_of_a_user_in_two_projects(served: Served) -> None:
    await served.user("both", roles={"main": Role.USER, "other": Role.MANAGER})
    body = {"value": "x"}
    assert (await served.ask("PUT", "/api/projects/other/secrets/A", "both", json=body)).status_code == 200
    assert (await served.ask("PUT", "/api/projects/main/secrets/A", "both", json=body)).status_code == 403


async def test_a_container_gets_the_password_of_its_registry_and_nothing_else_does(
    served: Served, tmp_path: Path
) -> None:
    login = "image: ghcr.io/org/train\nregistry_auth: {username: org, password: '${{ secrets.REGISTRY }}'}\n"
    answer = await served.apply(TASK + login, "user")
    unknown = [one["message"] for one in answer.json()["diagnostics"] if one["code"] == "unknown-secret"]
    assert unknown[-1] == "there is no secret `REGISTRY` in this project"
    for name in ("REGISTRY", "API_KEY"):
        await give(served, name=name)
    await served.apply(TASK + login, "user")
    async with served.engine.database.read() as tx:
        run = await tx.runs.named("main", "train")
        assert run is not None
        container = await container_of(served.engine.context.vault, tx, "main", spec_of(run))
    assert container is not None
    assert (container.image, container.username, container.password) == ("ghcr.io/org/train", "org", HUSH)
    assert HUSH not in repr(container)
    assert not any(HUSH in file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file())
