"""The configuration of this machine's server on the command line."""

from pathlib import Path

import pytest

from atoll.cli.server_config import masked
from tests.cli.conftest import CommandLine

SECRET = "hunter2hunter2"
AWS = f"""\
backends:
  - type: aws
    creds: {{type: access_key, access_key: AKIA, secret_key: {SECRET}, foo: 1}}
    # secret_key: {SECRET}
"""


@pytest.mark.parametrize(
    "text",
    [
        AWS,
        f"backends:\n- type: aws\n  creds:\n    session_token: >-\n      {SECRET}\n      {SECRET}\n    type: x\n",
        f"x-mine:\n  password: [{SECRET}, {{a: '{SECRET}'}}]\n",
        f"#    token: {SECRET} # later\n",
        f'backends:\r\n- creds: {{secret_key: "{SECRET}"}}\r\n',
    ],
)
def test_secrets_are_masked_and_lines_stay(text: str) -> None:
    shown = masked(text)
    assert SECRET not in shown
    assert len(shown) == len(text)
    assert shown.count("\n") == text.count("\n")


def test_keys_that_are_no_secrets_are_shown() -> None:
    text = "backends:\n- type: aws\n  creds: {type: profile, profile: work}\n  authorized_keys: [ssh-ed25519 AAAA]\n"
    assert masked(text) == text


def test_without_a_file_show_and_check_say_what_holds(tmp_path: Path) -> None:
    atoll = CommandLine(tmp_path, None)
    for verb in ("show", "check"):
        done = atoll("server", "config", verb)
        assert done.returncode == 0
        assert "the backends `local` and `ssh` with their defaults" in done.stdout + done.stderr
    refused = atoll("server", "config", "edit")
    assert refused.returncode == 1
    assert "no terminal for an editor" in refused.stderr
    assert not (tmp_path / "home").exists()


def test_errors_are_shown_in_the_file_without_its_secrets(tmp_path: Path) -> None:
    atoll = CommandLine(tmp_path, None)
    path = tmp_path / "home" / "config.yml"
    path.parent.mkdir()
    path.write_text(AWS)
    shown, checked = atoll("server", "config", "show"), atoll("server", "config", "check")
    assert checked.returncode == 1
    assert f"--> {path}:3:" in checked.stderr
    assert "has no key `foo`" in checked.stderr
    path.write_text(f"creds: {{secret_key: {SECRET}\n]")
    unreadable = atoll("server", "config", "check")
    assert (unreadable.returncode, atoll("server", "config", "show").returncode) == (1, 1)
    for done in (shown, checked, unreadable):
        assert SECRET not in done.stdout + done.stderr


def test_what_is_edited_is_saved_when_it_is_right_and_kept_as_a_draft_otherwise(tmp_path: Path) -> None:
    atoll = CommandLine(tmp_path, None)
    path = tmp_path / "home" / "config.yml"

    def edit(editor: str) -> str:
        done = atoll("server", "config", "edit", "-y", environment={"EDITOR": editor})
        return f"{done.returncode} {done.stdout}{done.stderr}"

    assert "nothing changed" in edit("true")
    assert not path.exists()
    assert edit("sed -i 's/^# backends:/backends: [{type: local}]/'").startswith(f"0 saved {path}")
    first = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    failed = edit("sed -i 's/local}/lokal}/'")
    assert failed.startswith("1 ")
    assert "did you mean `local`?" in failed
    assert path.read_text() == first
    draft = path.with_name("config.yml.draft")
    assert draft.stat().st_mode & 0o777 == 0o600
    assert "this continues" in edit("sed -i 's/lokal}/local, zones: 2}/'")
    assert "zones: 2}" in path.read_text()
    assert not draft.exists()
