"""What is wrong with a server's configuration, and where."""

import re
from pathlib import Path

import pytest

from atoll.cli.config_example import EXAMPLE
from atoll.configuration.reading.source import SourceFile
from atoll.engine.parts.retention_config import retention_of
from atoll.server.config_file import parsed, read_config
from atoll.server.home import HomeError, configured

WRONG = {
    "an unknown key": ("backnds: []\n", "1:1", "unknown-key", "`backends`?"),
    "an unknown setting": ("backends:\n- {type: local, zonez: 3}\n", "2:17", "unknown-key", "`zones`?"),
    "an unknown backend": ("backends:\n- type: lokal\n", "2:9", "wrong-value", "`local`?"),
    "a setting of a zone": ("backends:\n- type: local\n  zones: [{name: a, cpus: 0}]\n", "3:27", "wrong-value", ""),
    "credentials": (
        "backends:\n- type: aws\n  creds: {type: access_key, access_key: a, secret_key: b, x: 1}\n",
        "3:59", "unknown-key", "",
    ),
    "a region": ("backends:\n- type: aws\n  regions: [us-est]\n", "3:12", "wrong-value", ""),
    "a setting of hosts": ("backends:\n- {type: ssh, job_silence: 0}\n", "2:28", "wrong-value", ""),
    "a setting of the fake cloud": ("backends:\n- {type: fake, boot: soon}\n", "2:22", "wrong-value", ""),
    "a backend twice": ("backends:\n- type: local\n- type: local\n", "3:9", "duplicate-name", "one entry"),
    "no type": ("backends:\n- zones: 3\n", "2:3", "wrong-type", "type: local"),
    "a mapping of backends": ("backends: {local: {}}\n", "1:11", "wrong-type", "type: local"),
    "a time": ("retention:\n  logs: 3x\n", "2:9", "wrong-value", ""),
    "a key of retention": ("retention:\n  log: 3d\n", "2:3", "unknown-key", "`logs`?"),
    "dstack's clients": ("dstack: maybe\n", "1:9", "wrong-value", ""),
    "a list": ("- type: local\n", "1:1", "wrong-type", "`backends`"),
    "two documents": ("dstack: true\n---\ndstack: false\n", "3:1", "wrong-value", ""),
    "a key twice": ("dstack: true\ndstack: false\n", "2:1", "duplicate-key", ""),
    "no YAML": ("backends: [\n", "2:1", "not-yaml", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_shown_in_its_place(name: str) -> None:
    text, place, code, help = WRONG[name]
    found = parsed(SourceFile("config.yml", text)).findings
    assert len(found) == 1, found
    assert found[0].span is not None
    assert (f"{found[0].span.line}:{found[0].span.column}", found[0].code) == (place, code)
    assert help in (found[0].help or "")


def test_all_that_is_wrong_is_found_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("backends:\n- {type: local, zonez: 1}\n- {type: ssh, x: 1}\nretention: {log: 1d}\nbakends: []\n")
    found = read_config(path).findings
    assert [one.span.line for one in found if one.span] == [2, 3, 4, 5]
    with pytest.raises(HomeError, match=re.escape(f"{path}:2:17: the local backend has no setting `zonez`")):
        configured(tmp_path)


def test_no_file_an_empty_one_and_one_without_backends_mean_the_defaults(tmp_path: Path) -> None:
    assert configured(tmp_path) == {}
    (tmp_path / "config.yml").write_text(EXAMPLE)
    assert configured(tmp_path) == {}
    (tmp_path / "config.yml").write_text("backends:\nx-own: 3\nretention: {logs: off}\n")
    content = configured(tmp_path)
    assert content["backends"] is None
    assert retention_of(content).logs is None


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(HomeError, match="not text in UTF-8"):
        configured(tmp_path)


def test_each_part_of_the_example_is_right_without_its_marks() -> None:
    plain = "\n".join(line.removeprefix("# ") for line in EXAMPLE.splitlines() if not line.startswith("##"))
    found = parsed(SourceFile("config.yml", plain))
    assert found.findings == ()
    assert [one["type"] for one in found.content["backends"]] == ["local", "ssh", "aws"]
    assert found.content.keys() == {"backends", "retention", "dstack"}
