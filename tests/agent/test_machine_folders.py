"""Folders of the machine at a job's paths: shown, made, left out or refused."""

from typing import Any

import pytest

from tests.agent.conftest import RealAgent


def folders(*each: tuple[Any, str, bool]) -> dict[str, Any]:
    return {"folders": [{"source": str(source), "path": path, "optional": left} for source, path, left in each]}


def refused(agent: RealAgent, **more: Any) -> str:
    answer = agent.http.put("/jobs/no", json={"commands": ["true"]} | more)
    assert answer.status_code == 422, answer.text
    return str(answer.json()["message"])


def test_a_folder_of_the_machine_is_at_its_path_and_keeps_what_the_job_writes(agent: RealAgent) -> None:
    data, new = agent.base / "data", agent.base / "new" / "one"
    data.mkdir()
    (data / "in").write_text("from the machine\n")
    wanted = folders((data, "/mnt/data", False), (new, "/mnt/new", False), (data / "in", "/mnt/file", False))
    state = agent.run("j", "cat /mnt/data/in /mnt/file", "echo out > /mnt/new/out", **wanted)
    assert (state["exit_code"], state["message"]) == (0, "")
    assert agent.output("j") == b"from the machine\n" * 2
    assert (new / "out").read_text() == "out\n", "a missing folder is made"


def test_an_optional_folder_that_is_missing_is_left_out_and_not_made(agent: RealAgent) -> None:
    missing = agent.base / "missing"
    assert agent.run("j", "test ! -e /mnt/data", **folders((missing, "/mnt/data", True)))["exit_code"] == 0
    assert not missing.exists()


def test_a_machine_without_namespaces_has_folders_at_their_own_paths_alone(stopped: RealAgent) -> None:
    stopped.environment = {"ATOLL_AGENT_NO_NAMESPACES": "1"}
    agent = stopped.start()
    data = agent.base / "data"
    data.mkdir()
    assert agent.run("j", f"touch {data}/x", **folders((data, str(data), False)))["exit_code"] == 0
    assert refused(agent, **folders((data, "/mnt", False))) == f"this machine cannot show its folder {data} at /mnt"
    assert agent.run("k", "true", **folders((data, "/mnt", True)))["exit_code"] == 0


@pytest.mark.parametrize("optional", [False, True])
def test_no_job_gets_a_folder_that_is_hidden_from_jobs(stopped: RealAgent, optional: bool) -> None:
    hidden, link = stopped.base / "secret", stopped.base / "link"
    (hidden / "inner").mkdir(parents=True)
    link.symlink_to(hidden)
    command = stopped.command
    stopped.command = lambda: [*command(), "--hide", str(hidden)]  # type: ignore[method-assign]
    agent = stopped.start()
    for source in (hidden, hidden / "inner", hidden.parent, link, "/"):
        words = refused(agent, **folders((source, "/mnt/x", optional)))
        assert words == f"jobs on this machine must not see the folder {source}"


def test_wrong_folders_are_refused(agent: RealAgent) -> None:
    assert "absolute path" in refused(agent, **folders(("data", "/mnt", False)))
    assert "the system needs this place" in refused(agent, **folders(("/tmp", "/proc/x", False)))
    twice = folders(("/tmp", "/mnt", False), ("/tmp", "/mnt", False))
    assert "two mounts have the same path" in refused(agent, **twice)
    (agent.base / "file").touch()
    assert "cannot be made" in refused(agent, **folders((agent.base / "file" / "x", "/mnt", False)))
