"""Schemathesis against a real server's OpenAPI: it answers as it says, in time, and never with a 5xx."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atoll.client import Client
from tests.server.process import ServerProcess

CONFIG = """
[parameters]
"path.project" = "main"
"query.wait" = 0
"""
"""A project that exists, and no long polls: what waits on purpose is no hang."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(server: ServerProcess, folder: Path, examples: int, seconds: int) -> "subprocess.CompletedProcess[str]":
    """Run Schemathesis with `examples` for each route."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            "run",
            f"{server.address}/openapi.json",
            "--url",
            server.address,
            "--header",
            f"Authorization: Bearer {server.token}",
            "--checks",
            CHECKS,
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            str(examples),
            "--request-timeout",
            "10",
            "--workers",  # more of them meet a fault of Python 3.11, whose parser is not made for threads
            "1",
            "--seed",
            "7",
            "--no-color",
            "--exclude-path-regex",
            "/(fail|restore)$",
        ],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def check(server: ServerProcess, folder: Path, examples: int, seconds: int) -> None:
    run = fuzz(server, folder, examples, seconds)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert " status=500 " not in server.log
    assert Client(server.address, server.token).healthz().status == "ok"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_request_makes_the_server_fail_or_hang(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home") as server:
        check(server, tmp_path, 4, 280)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_many_requests_do_not_either(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home") as server:
        check(server, tmp_path, 200, 1700)
