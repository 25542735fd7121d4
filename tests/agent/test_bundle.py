"""The agent as one file, on the oldest and the newest Python that are here."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from atoll.agent.bundle import agent_bytes, write_agent

from .conftest import RealAgent

OLDEST, NEWEST = "3.9", "3.13"


def python(version: str) -> str:
    """An interpreter of this version, or the test is skipped."""
    candidates = [
        shutil.which(f"python{version}"),
        *map(str, Path("/root/.pyenv/versions").glob(f"{version}.*/bin/python")),
    ]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip(f"there is no Python {version} here")


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_job_runs_and_is_stopped_on_the_oldest_and_the_newest_python(stopped: RealAgent, version: str) -> None:
    stopped.python = python(version)
    agent = stopped.start()
    assert agent.run("quick", "echo hello; exit 3")["exit_code"] == 3
    assert agent.output("quick") == b"hello\n"
    agent.put("slow", "echo on; sleep 60")
    agent.says("slow", b"on")
    agent.stop("slow", 1)
    assert agent.wait("slow")["reason"] == "stopped"


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_volume_appears_at_its_path_on_the_oldest_and_the_newest_python(stopped: RealAgent, version: str) -> None:
    stopped.python = python(version)
    source = stopped.base / "source"
    source.mkdir()
    (source / "here").write_text("data\n")
    agent = stopped.start()
    if not agent.ok(agent.http.get("/healthz"))["mounts_at_path"]:
        pytest.skip("mount namespaces do not work here")
    mount = {"volume": "v", "source": str(source), "path": "/somewhere/data"}
    assert agent.run("j", "cat /somewhere/data/here", mounts=[mount])["exit_code"] == 0
    assert agent.output("j") == b"data\n"


def test_the_file_has_all_modules_of_the_agent_and_imports_no_package(tmp_path: Path) -> None:
    path = write_agent(tmp_path)
    assert write_agent(tmp_path) == path
    assert path.read_bytes() == agent_bytes()
    assert len(agent_bytes()) < 60_000
    sources = {each.name for each in Path(agent_package()).glob("*.py")} - {"bundle.py"}
    with zipfile.ZipFile(path) as file:
        assert {Path(name).name for name in file.namelist() if name.startswith("atoll/agent/")} == sources
    # Without site-packages (-S) everything must still be found.
    done = subprocess.run([sys.executable, "-IS", path, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def agent_package() -> Path:
    import atoll.agent

    assert atoll.agent.__file__
    return Path(atoll.agent.__file__).parent
