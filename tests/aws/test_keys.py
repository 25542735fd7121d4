"""The log-in key and the machines' host keys."""

import subprocess
from pathlib import Path

import pytest

from atoll.backends.hosts.cloud_init import cloud_config
from atoll.backends.hosts.keys import Keys


def test_a_log_in_key_is_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "id"
    assert Keys(path).public == Keys(path).public
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["id"]


def test_a_machine_has_the_same_host_key_on_every_server_and_no_other_machine_has_it(tmp_path: Path) -> None:
    first, second = Keys(tmp_path / "id"), Keys(tmp_path / "id")
    assert first.host_key("token-1") == second.host_key("token-1")
    assert first.host_key("token-1").public != first.host_key("token-2").public
    assert cloud_config(["k"], first.host_key("token-1")) == cloud_config(["k"], second.host_key("token-1"))


def test_openssh_reads_the_keys(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "id")
    host = tmp_path / "host"
    host.write_text(keys.host_key("token-1").private)
    host.chmod(0o600)
    for path, public in ((keys.path, keys.public), (host, keys.host_key("token-1").public)):
        keygen = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True)
        assert keygen.stdout.split()[:2] == public.split()[:2]


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("nothing of the kind")
    with pytest.raises(ValueError, match="is not an OpenSSH private key without a passphrase"):
        Keys(tmp_path / "id").public  # noqa: B018
