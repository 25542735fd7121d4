"""Secrets and the values of variables: in nothing that is kept, shown or logged, and in the job's environment alone."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from atoll.backends.fake import open_fake
from atoll.engine.engine import Engine
from atoll.engine.secrets import SecretMissing, open_environment
from atoll.engine.vault import Vault, WrongKey
from atoll.model.access import Role
from atoll.server.logs import LineFormatter
from atoll.store.database import open_database, sqlite_url
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
    await served.apply(text)
    answer = await served.apply(text.replace("hunter2", "hunter3"))
    assert answer.json()["changes"][0]["action"] == "replace"
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
    other = await Engine.over(database, backends, tmp_path / "second", now=served.clock.now)
    served.app.state.engine = other
    try:
        answer = await served.ask("PUT", "/api/projects/main/secrets/B", json={"value": "x"})
        assert (answer.status_code, answer.json()["code"]) == (503, "wrong-secret-key")
        answer = await served.apply(TASK)
        assert (answer.status_code, answer.json()["code"]) == (503, "wrong-secret-key")
    finally:
        await other.close()


def test_sealed_text_opens_with_its_key_at_its_place_alone(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("text", ["", "short", "!" * 44, "c2hvcnQ="])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="ATOLL_SECRET_KEY is not a key"):
        Vault(tmp_path / "secret.key", text)


async def test_roles_hold_for_secrets_of_a_user_in_two_projects(served: Served) -> None:
    await served.user("both", roles={"main": Role.USER, "other": Role.MANAGER})
    body = {"value": "x"}
    assert (await served.ask("PUT", "/api/projects/other/secrets/A", "both", json=body)).status_code == 200
    assert (await served.ask("PUT", "/api/projects/main/secrets/A", "both", json=body)).status_code == 403
