"""The files of a public project: they can be read, and run what a user or contributor runs."""

import configparser
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import yaml

from atoll import __version__
from atoll.cli.main import atoll
from atoll.client import Client
from tests.cli.test_reference import understood

ROOT = Path(__file__).parent.parent
YAML = [".pre-commit-config.yaml", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github").rglob("*.yml")))]
PAGES = ["docs/deploy.md", "README.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md"]
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("name", YAML)
def test_yaml_files_of_the_project_can_be_read(name: str) -> None:
    assert isinstance(yaml.safe_load((ROOT / name).read_text()), dict)


@pytest.mark.parametrize("name", PAGES)
def test_links_between_pages_lead_to_files(name: str) -> None:
    missing = [
        link for link in _LINK.findall((ROOT / name).read_text()) if not (ROOT / name).parent.joinpath(link).exists()
    ]
    assert missing == []


def test_the_workflow_runs_what_a_reviewer_runs() -> None:
    [job] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values()
    assert job["steps"][-1]["run"].split()[-1] == ".ci/run"
    assert (ROOT / ".ci/run").stat().st_mode & 0o100


def test_each_hook_before_a_commit_is_a_part_of_make_lint() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    commands = {
        hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude") for hook in repository["hooks"]
    }
    linted = {line.strip().removeprefix("$(BIN)/") for line in recipe.splitlines()[1:]}
    assert {line.replace(" .", "").replace(" --check", "") for line in linted} == commands


def unit() -> configparser.SectionProxy:
    """The service of the systemd unit. Its `Environment` appears once."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "examples/deploy/atoll.service")
    return parser["Service"]


def test_the_systemd_unit_starts_a_command_that_is_understood(tmp_path: Path) -> None:
    program, *arguments = shlex.split(unit()["ExecStart"])
    assert program == "/opt/atoll/bin/atoll"
    understood(atoll, arguments)
    if shutil.which("systemd-analyze"):
        text = (ROOT / "examples/deploy/atoll.service").read_text().replace(program, sys.executable)
        (tmp_path / "atoll.service").write_text(text)
        command = ["systemd-analyze", "verify", str(tmp_path / "atoll.service")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "atoll.service" not in done.stderr


# A server's start and stop: 4 s.
@pytest.mark.long
def test_the_command_of_the_systemd_unit_serves_and_ends_as_systemd_expects(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = shlex.split(unit()["ExecStart"].replace("8000", port))[1:]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ATOLL_HOME": str(tmp_path / "home")}
    with subprocess.Popen([sys.executable, "-m", "atoll.cli", *arguments], env=environment) as process:
        try:
            limit = time.monotonic() + 60
            while not (tmp_path / "home" / "server.json").exists():
                assert process.poll() is None
                assert time.monotonic() < limit
                time.sleep(0.05)
            token = (tmp_path / "home" / "token").read_text().strip()
            assert Client(f"http://127.0.0.1:{port}", token).status().pid == process.pid
        finally:
            process.terminate()
            code = process.wait(timeout=60)
    assert code == 0


# A build, an environment, and the first command in it: 15 s.
@pytest.mark.long
def test_the_wheel_has_all_files_and_runs_where_it_is_installed(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run([*pip, *build], check=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"atoll-{__version__}-")
    with zipfile.ZipFile(wheel) as file:
        inside = {name for name in file.namelist() if not name.startswith(f"atoll-{__version__}.dist-info/")}
    sources = [path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert inside == {str(path.relative_to(ROOT / "src")) for path in sources}
    place = tmp_path / "installed"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(place), str(wheel)], check=True, timeout=120
    )
    # The dependencies are those of the tests' environment; atoll itself comes from the wheel.
    code = f"import sys; sys.path.insert(0, {str(place)!r}); import atoll; print(atoll.__file__); " \
           "sys.argv = ['atoll', '--version']; from atoll.cli.main import main; main()"  # fmt: skip
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(place))
    assert __version__ in done.stdout
    assert (place / "bin" / "atoll").exists()
