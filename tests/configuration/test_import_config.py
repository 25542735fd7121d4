"""`atoll server import-config`, as a process: what it takes over, what it says, and what it keeps to itself."""

import os
import stat
from pathlib import Path

import pytest
import yaml

from tests.configuration.conftest import CommandLine

SECRET = "wJalrXUtnFEMI"
DSTACK = f"""
projects:
- name: main
  backends:
  - type: azure
    creds: {{type: client, client_id: AKIA, client_secret: {SECRET}}}
    regions: [westeurope]
  - type: local
- name: second
  backends:
  - type: local
  - type: gcp
    project_id: p
    creds: {{type: default}}
encryption:
  keys: [{{type: aes, secret: {SECRET}}}]
"""


def config(atoll: CommandLine) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = yaml.safe_load((atoll.home / "config.yml").read_text())
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_can_be_run_is_imported_and_the_rest_is_named(atoll: CommandLine) -> None:
    done = atoll("server", "import-config", atoll.write(DSTACK, "server.yml"))
    assert done.returncode == 0, done
    assert config(atoll) == {"backends": [{"type": "local"}]}
    assert mode(atoll.home / "config.yml") == 0o600
    for backend, project in (("azure", "main"), ("gcp", "second")):
        assert f"warning: backend `{backend}` of project `{project}` is skipped" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    atoll("server", "start", check=True)
    atoll("server", "stop", check=True)


def test_the_file_of_the_user_is_read_where_none_is_named(atoll: CommandLine) -> None:
    folder = atoll.folder / ".dstack" / "server"
    folder.mkdir(parents=True)
    (folder / "config.yml").write_text(DSTACK)
    assert atoll("server", "import-config").returncode == 0
    assert config(atoll)["backends"] == [{"type": "local"}]


def test_a_config_that_exists_is_replaced_only_after_a_yes_and_is_kept_beside(atoll: CommandLine) -> None:
    atoll.home.mkdir(mode=0o700)
    before = "# mine\nbackends:\n- {type: fake, zones: 2}\n"
    (atoll.home / "config.yml").write_text(before)
    file = atoll.write(DSTACK, "server.yml")
    refused = atoll("server", "import-config", file)
    assert refused.returncode == 2
    assert "pass `-y`" in refused.stderr
    assert (atoll.home / "config.yml").read_text() == before
    assert atoll("server", "import-config", file, "-y").returncode == 0
    assert config(atoll)["backends"] == [{"type": "fake", "zones": 2}, {"type": "local"}]
    saved = atoll.home / "config.yml.before-import"
    assert (saved.read_text(), mode(saved)) == (before, 0o600)


def test_an_existing_backend_is_kept(atoll: CommandLine) -> None:
    atoll.home.mkdir(mode=0o700)
    (atoll.home / "config.yml").write_text("backends: [{type: local, zones: 5}]\n")
    done = atoll("server", "import-config", atoll.write(DSTACK, "server.yml"))
    assert done.returncode == 0
    assert "`local` is in" in done.stderr
    assert config(atoll)["backends"] == [{"type": "local", "zones": 5}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("projects: [{name: main, backends: [{type: azure}]}]", "nothing was imported"),
        ("projects: [{name: main, backends: [{region: x}]}]", "has no `type`"),
        ("projects: [{name: main}]", "nothing was imported"),
        ("backends: []", "not a dstack server configuration"),
        (f"projects: [{{secret_key: !{SECRET} {SECRET}}}]", "cannot be read as YAML: see line 1"),
        (f"projects: [{SECRET}", "cannot be read as YAML: see line 1"),
        (f"a: {SECRET}\na: {SECRET}", "cannot be read as YAML: see line 2"),
        ("", "is empty"),
    ],
)
def test_keys_that_cannot_be_imported_are_reported_without_their_values(
    text: str, said: str, atoll: CommandLine
) -> None:
    done = atoll("server", "import-config", atoll.write(text, "server.yml"))
    assert done.returncode == 1
    assert said in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert not (atoll.home / "config.yml").exists()


def test_nothing_half_written_is_left_behind(atoll: CommandLine) -> None:
    atoll("server", "import-config", atoll.write(DSTACK, "server.yml"), check=True)
    assert os.listdir(atoll.home) == ["config.yml"]


def test_a_block_of_aws_is_imported_as_it_is(atoll: CommandLine) -> None:
    keys = f"creds: {{type: access_key, access_key: AKIA, secret_key: {SECRET}}}\n    regions: [us-east-1]\n"
    block = f"type: aws\n    {keys}"
    atoll("server", "import-config", atoll.write(f"projects:\n- backends:\n  - {block}", "server.yml"), check=True)
    assert config(atoll)["backends"] == [yaml.safe_load(block.replace("\n    ", "\n"))]
    assert mode(atoll.home / "config.yml") == 0o600
