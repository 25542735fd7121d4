"""Files of a run on a real host: they cross its SSH connection, and nothing of them stays on the host."""

import os

import pytest

from tests.hosts.conftest import Lab, Site

pytestmark = pytest.mark.long  # the hosts take seconds to start


def test_files_reach_a_host_and_leave_it(site: Site, lab: Lab) -> None:
    (site.folder / "data").mkdir()
    (site.folder / "data" / "large").write_bytes(os.urandom(3 << 20))
    (site.folder / "key").write_text("the key\n")
    (site.folder / "key").chmod(0o600)
    site.ok("apply", "-f", site.rack(1), "-y")
    more = "files: [data, 'key:~/.ssh-test/id', 'data:/srv/atoll-test']\n"
    commands = ["cmp data/large /srv/atoll-test/large", "stat -c %a ~/.ssh-test/id", "cat ~/.ssh-test/id"]
    shown = site.ok("apply", "-f", site.task("files", *commands, more=more), "-y")
    assert "600\nthe key\n" in shown
    assert lab.on(1, 1, "ls -A /root").split() == [".atoll"]
    assert lab.on(1, 1, "ls -d /srv/atoll-test || echo none").strip() == "none"


def test_a_folder_of_a_host_is_at_its_path_and_stays(site: Site, lab: Lab) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    more = "volumes: ['/var/tmp/atoll-cache:/cache', {instance_path: /no/such, path: /other, optional: true}]\n"
    setup = "setup: ['echo first']\n"
    commands = ["touch /cache/x", "test ! -e /other", "echo second"]
    try:
        shown = site.ok("apply", "-f", site.task("cached", *commands, more=more + setup), "-y")
        assert "first\nsecond\n" in shown
        assert lab.on(1, 1, "ls /var/tmp/atoll-cache").split() == ["x"]
    finally:
        lab.on(1, 1, "rm -rf /var/tmp/atoll-cache")
