"""Which fleets a run may name: those of its own project, with and without the project written out."""

import json
from typing import Any

import pytest

from tests.server.conftest import Served

FLEET = "type: fleet\nname: f\nnodes: 1\n"
TASK = "type: task\nname: t\ncommands: [work]\ncreation_policy: reuse\nfleets: [{fleets}]\n"


async def answer_to(served: Served, text: str, route: str = "plan") -> tuple[int, Any]:
    body = {"files": [{"name": "x.yml", "text": text}]}
    answer = await served.ask("POST", f"/api/projects/main/{route}", json=body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("written", ["f", "main/f", "{project: main, name: f}", "{name: f}"])
async def test_a_fleet_of_the_own_project_matches_however_it_is_written(served: Served, written: str) -> None:
    task = TASK.format(fleets=written)
    together, planned = await answer_to(served, f"{FLEET}---\n{task}")
    assert (together, planned["plan"]["complete"]) == (200, True)
    await served.apply(FLEET)
    status, planned = await answer_to(served, task)
    assert (status, planned["plan"]["complete"]) == (200, True)
    assert planned["plan"]["documents"][0]["nodes"][0]["fleet"] == "f"
    assert (await served.apply(task)).json()["changes"][0]["action"] == "create"
    assert (await served.apply(task)).json()["changes"][0]["action"] == "unchanged"


async def test_a_saved_world_knows_its_project(served: Served) -> None:
    await served.apply(FLEET)
    body = {"files": [{"name": "x.yml", "text": TASK.format(fleets="main/f")}]}
    line = json.dumps(body).encode()
    saved = await served.ask("POST", "/api/projects/main/plan/snapshot", json=body)
    _, _, snapshot = saved.content.partition(b"\n")
    answer = await served.ask("POST", "/api/projects/other/replay", "stranger", content=line + b"\n" + snapshot)
    assert (answer.status_code, answer.json()["plan"]["complete"]) == (200, True)


async def test_a_fleet_of_another_project_is_refused_with_its_place(served: Served) -> None:
    await served.apply(FLEET, project="other")
    await served.apply(FLEET)
    status, refused = await answer_to(served, TASK.format(fleets="f, other/f"))
    [finding] = refused["diagnostics"]
    assert (status, finding["code"]) == (422, "fleet-of-another-project")
    assert finding["message"] == "fleet `other/f` belongs to another project than the run, which is of `main`"
    assert (finding["span"]["line"], finding["span"]["column"]) == (5, 13)


async def test_an_answer_about_another_project_does_not_reveal_whether_it_exists(served: Served) -> None:
    words = []
    for project in ("other", "empty"):
        _, refused = await answer_to(served, TASK.format(fleets=f"{project}/f"))
        words.append(str(refused["diagnostics"]).replace(f"{project}/f", "X"))
    assert words[0] == words[1]


async def test_a_misspelled_fleet_of_the_own_project_is_suggested(served: Served) -> None:
    await served.apply(FLEET.replace("name: f", "name: train"))
    _, refused = await answer_to(served, TASK.format(fleets="main/trian"))
    [finding] = refused["diagnostics"]
    assert (finding["code"], finding["help"]) == ("unknown-fleet", "did you mean `train`?")
