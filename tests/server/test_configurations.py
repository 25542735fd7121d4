"""Configurations as they were applied: what is returned can be applied again, and holds no secret."""

import json

import pytest
import yaml

from atoll.engine.queries.configurations import configuration_view
from atoll.model.records import Kind
from tests.server.conftest import Served

FILES = {
    "fleet": "type: fleet\nname: x\nnodes: 2..4\nplacement: {strategy: spread, max_skew: 2}\nidle_duration: off\n"
             "resources: {cpu: 2.., memory: 512MB.., disk: 20GB..}\nmax_price: 1.5\ntags: {team: a}\n",
    "volume": "type: volume\nname: x\nbackend: fake\nregion: fake-1\nsize: 100GB\n",
    "run": "type: task\nname: x\ncommands: [echo 1, \"echo ': #'\"]\nenv: {LR: hunter2}\nretry: {duration: 1h}\n"
           "max_duration: 90m\nresources: {gpu: 0, cpu: 1..}\navailability_zones: [fake-1a]\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
async def test_what_get_returns_changes_nothing_when_it_is_applied_again(served: Served, kind: str) -> None:
    await served.apply(FILES[kind])
    answer = await served.ask("GET", f"/api/projects/main/configurations/{kind}/x")
    assert answer.status_code == 200, answer.text
    assert "hunter2" not in answer.text
    assert "sealed:" not in answer.text
    found = answer.json()
    assert found["hidden"] == (["env"] if kind == "run" else [])
    body = {
        "files": [{"name": "again.yml", "text": yaml.safe_dump(found["content"])}],
        "environment": {"LR": "hunter2"},
    }
    again = await served.ask("POST", "/api/projects/main/plan", json=body)
    assert again.status_code == 200, again.text
    assert [one["action"] for one in again.json()["changes"]] == ["unchanged"], json.dumps(again.json())


async def test_a_configuration_is_that_of_its_project_and_kind(served: Served) -> None:
    await served.apply(FILES["fleet"])
    for path in ("main/configurations/run/x", "main/configurations/fleet/y"):
        assert (await served.ask("GET", f"/api/projects/{path}")).status_code == 404


def test_credentials_of_a_registry_are_left_out() -> None:
    config = {"name": "x", "registry_auth": {"username": "me", "password": "sealed:1:x"}, "type": "task", "env": {}}
    view = configuration_view(Kind.RUN, "x", config)
    assert (dict(view.content), view.hidden) == ({"type": "task", "name": "x", "env": []}, ("registry_auth",))
