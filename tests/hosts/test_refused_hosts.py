"""Hosts that cannot be used: refused before anything is stored, each with what a user can do about it."""

import re
from pathlib import Path

import pytest

from tests.hosts.conftest import Site


def test_each_wrong_entry_has_its_own_message_and_place(site: Site) -> None:
    lab = site.lab
    no_key = site.folder / "no-key"
    no_key.write_text("this is no key\n")
    wrong = {
        f"{{hostname: {lab.address(1)}, port: 2222}}": "port 2222: connection refused",
        f"{{hostname: {lab.address(2)}, user: stranger}}": "refuses user `stranger`",
        f"{{hostname: {lab.address(3)}, identity_file: {no_key}}}": "is not a private key",
        f"{{hostname: {lab.address(1, 2)}, identity_file: /nowhere}}": "`/nowhere` on the server's machine: No such",
        f"{{hostname: {lab.address(2, 2)}, identity_file: key}}": "give an absolute path on the server's machine",
        "no-such-host.invalid": "cannot connect to no-such-host.invalid port 22",
    }
    words = site.refused("apply", "-f", site.fleet("rack", *wrong), "-y")
    assert len(re.findall(r"^error\[host-unusable\]", words, re.MULTILINE)) == len(wrong)
    for number, message in enumerate(wrong.values()):
        assert message in words
        assert f"rack.atoll.yml:{7 + number}:7" in words


def test_a_key_that_the_host_does_not_know_is_reported_with_the_user(site: Site) -> None:
    other = site.folder / "other"
    site.lab.on(1, 1, f"ssh-keygen -q -t ed25519 -N '' -f {other}")
    words = site.refused("apply", "-f", site.fleet("rack", site.lab.address(1), identity=other), "-y")
    assert f"refuses user `root` with the key {other}: add the public key to ~root/.ssh/authorized_keys" in words


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        (["10.0.0.1", "10.0.0.1"], "each host once"),
        (["{hostname: a, internal_ip: 10.0.0.1}", "{hostname: b, internal_ip: 10.0.0.1}"], "each host once"),
        (["root@10.0.0.1"], "a host name or an IP address, without user or port"),
        (["{hostname: a, port: 70000}"], "a port from 1 to 65535"),
        (["{hostname: a, internal_ip: here}"], "an IP address such as"),
    ],
)
def test_files_with_impossible_hosts_are_refused(site: Site, hosts: list[str], message: str) -> None:
    assert message in site("validate", site.fleet("rack", *hosts)).stdout


def test_a_changed_host_key_is_refused_until_its_pin_is_removed(site: Site) -> None:
    path = site.rack(3, host=2)
    site.ok("plan", "-f", path)
    site.lab.new_host_key(3, 2)
    words = site.refused("plan", "-f", path)
    assert "is not the one that was pinned" in words
    pins = site.home / "backends" / "ssh" / "known_hosts"
    assert str(pins) in words
    pins.unlink()
    site.ok("server", "stop")
    site.ok("server", "start")
    site.ok("plan", "-f", path)


def test_a_host_without_python_is_refused(site: Site) -> None:
    python = Path("/usr/bin/python3").resolve()
    site.lab.on(2, 2, f"mount --bind /bin/false {python}")
    try:
        words = site.refused("apply", "-f", site.rack(2, host=2), "-y")
    finally:
        site.lab.on(2, 2, f"umount {python}")
    assert "has no Python 3.9 or newer: install `python3` there" in words


def test_a_second_installation_is_refused_until_the_first_has_gone(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    other = Site(tmp_path_factory.mktemp("other"), site.lab)
    try:
        other.ok("server", "start")
        words = other.refused("apply", "-f", other.rack(1), "-y")
        assert "belongs to another Atoll installation" in words
        site.ok("delete", "fleet", "rack", "-y")
        other.ok("apply", "-f", other.rack(1), "-y")
        other.clear()
    finally:
        other.end()
