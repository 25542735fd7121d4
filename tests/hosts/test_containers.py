"""Runs with an image: on a real host with a Docker daemon of its own, and on the local backend with the same one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import IMAGE, Docker, daemon
from tests.e2e.conftest import Place, until
from tests.hosts.conftest import Lab, Site

pytestmark = pytest.mark.long  # the daemon and the hosts take seconds to start

_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")

FIRST = f"""
type: task
name: first
image: {IMAGE}
user: "1000"
working_dir: sub
env: [WORD=hello]
resources: {{cpu: 1.., memory: 1GB.., shm_size: 64MB}}
commands:
  - echo $WORD from $(id -u) in $(pwd) on $ATOLL_ZONE, $(stat -f -c '%b x %S' /dev/shm)
"""


@pytest.fixture(scope="module")
def docker(lab: Lab) -> Iterator[Docker]:
    """The daemon of the first host of zone 1, at the usual place."""
    lab.on(1, 1, "mount -t tmpfs tmpfs /run && mkdir /run/sshd")
    lab.on(1, 1, _cgroups())
    try:
        with daemon(lab.enter(1, 1)) as running:
            lab.on(1, 1, f"ln -s {running.socket} /run/docker.sock")
            yield running
    finally:
        lab.on(1, 1, "umount /run && umount -R /sys/fs/cgroup")


def _cgroups() -> str:
    """The commands that mount this machine's cgroups in a host, whose /sys is its own."""
    found = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    cgroups = [(place, kind, options) for _, place, kind, options, *_ in found if kind in ("cgroup", "cgroup2")]
    lines = [] if any(place == "/sys/fs/cgroup" for place, *_ in cgroups) else ["mount -t tmpfs tmpfs /sys/fs/cgroup"]
    for place, kind, options in cgroups:
        lines.append(f"mkdir -p {place} && mount -t {kind} -o {options.replace('relatime,', '')} cgroup {place}")
    return " && ".join(lines)


def test_a_run_with_an_image_has_a_container_on_its_host_and_leaves_none(site: Site, docker: Docker) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    shown = site.ok("apply", "-f", site.write("first", FIRST + "fleets: [rack]\n"), "-y")
    assert "hello from 1000 in /data/sub on rack-1, 16384 x 4096" in shown
    more = f"image: {IMAGE}\n"
    site.ok("apply", "-f", site.task("long", "echo ready", "sleep 600", more=more), "-y", "-d")
    until(lambda: "ready" in site.ok("logs", "long"), "the container to run")
    assert len(docker.containers) == 1
    site.ok("stop", "long", "-y")
    until(lambda: docker.containers == [], "the container to be removed")


def test_a_host_without_an_engine_is_refused_in_the_plan_until_it_has_one(site: Site, docker: Docker) -> None:
    found = {Path(folder, name).resolve() for folder in _PATH for name in ("docker", "podman")}
    programs = [program for program in found if program.exists()]
    for program in programs:
        site.lab.on(2, 1, f"mount --bind /dev/null {program}")
    try:
        site.ok("apply", "-f", site.rack(2), "-y")
        pinned = site.write("first", FIRST + "fleets: [rack]\n")
        planned = site("plan", "-f", pinned)
        assert planned.returncode == 1
        assert f"no Docker or Podman on {site.lab.address(2)}" in planned.stdout
        site.ok("apply", "-f", site.task("plain", "echo ready"), "-y")
    finally:
        for program in programs:
            site.lab.on(2, 1, f"umount {program}")
    until(lambda: site("plan", "-f", pinned).returncode == 0, "the installed engine to be found")


def test_the_local_backend_runs_containers_too_but_no_privileged_ones(docker: Docker, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.environment["DOCKER_HOST"] = docker.address
    try:
        shown = place.ok("apply", "-f", place.write("first", FIRST), "-y")
        assert "hello from 1000 in /data/sub on local-" in shown
        place.write("strong", FIRST.replace("name: first", "name: strong") + "privileged: true\n")
        done = place("apply", "-f", "strong.atoll.yml", "-y")
        assert done.returncode != 0
        assert "a privileged container could read what jobs on this machine must not see" in done.stdout + done.stderr
        place.clear()
    finally:
        place.end()
    assert docker.containers == []
