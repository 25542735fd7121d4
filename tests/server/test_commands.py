"""The commands of users and rights, run as a user runs them, against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import run
from tests.server.process import ServerProcess


class Shell:
    """Runs `atoll` with a home of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        folder.mkdir()
        self.environment = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), **environment}

    def __call__(self, *arguments: str, typed: str = "", code: int = 0) -> str:
        done = run(arguments, self.folder, self.environment, typed=typed)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "home") as running:
        yield running


@pytest.fixture
def admin(server: ServerProcess, tmp_path: Path) -> Shell:
    return Shell(tmp_path / "admin", {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token})


def test_a_user_whom_an_admin_added_logs_in_and_works(server: ServerProcess, admin: Shell, tmp_path: Path) -> None:
    admin("project", "create", "lab")
    admin("user", "create", "ada")
    admin("--project", "lab", "project", "add-member", "ada", "--role", "manager")
    token = json.loads(admin("token", "create", "laptop", "--user", "ada", "--expires", "30d", "--json"))["token"]
    ada = Shell(tmp_path / "ada", {})
    shown = ada("login", server.address, typed=token + "\n")
    assert "as ada (in lab), project lab" in shown
    assert token not in shown
    [kept] = (tmp_path / "ada" / "config").rglob("login.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert "no running" not in ada("secret", "set", "KEY", typed="hush\n")
    assert "hush" not in ada("secret", "list", "--json")
    assert "lab   manager" in ada("project", "list")
    assert "ada   manager" in ada("project", "members")
    assert "there is no project `main`" in ada("--project", "main", "fleet", code=1)
    assert "only admins" in ada("user", "list", code=1)
    ada("token", "revoke", "laptop")
    assert "was revoked" in ada("fleet", code=1)
    assert "logged out" in ada("logout")
    assert not kept.exists()


def test_a_wrong_token_is_not_kept(server: ServerProcess, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "eve", {})
    assert "the token is missing or wrong" in shell("login", server.address, typed="guess", code=1)
    assert not list((tmp_path / "eve").rglob("login.json"))
    assert "standard input is empty" in shell("login", server.address, code=2)


def test_the_environment_comes_before_the_login(server: ServerProcess, admin: Shell, tmp_path: Path) -> None:
    admin("login", server.address, typed=server.token)
    admin.environment["ATOLL_TOKEN"] = "wrong"
    assert "the token is missing or wrong" in admin("fleet", code=1)
    del admin.environment["ATOLL_TOKEN"]
    admin("fleet")
    admin.environment["ATOLL_SERVER_URL"] = "http://127.0.0.1:9"
    assert "ATOLL_TOKEN is not" in admin("fleet", code=1)


def test_a_deletion_is_confirmed_first(admin: Shell) -> None:
    admin("project", "create", "lab")
    admin("user", "create", "bob", "--admin")
    admin("secret", "set", "KEY", typed="x")
    assert "pass `-y`" in admin("project", "delete", "lab", code=2)
    admin("project", "delete", "lab", "-y")
    admin("user", "delete", "bob", "-y")
    admin("secret", "delete", "KEY", "-y")
    assert "lab" not in admin("project", "list")
    assert "bob" not in admin("user", "list")
    assert "KEY" not in admin("secret", "list")
    assert "first" in admin("token", "list")
    assert "expected a time" in admin("token", "create", "x", "--expires", "soon", code=2)
