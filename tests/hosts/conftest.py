"""Real hosts: sshd in network namespaces, in three zones that can be cut, each host with a home folder of its own.

They need root, sshd, iproute2 and the tool `ssh-zones`; without them these tests are skipped with a reason.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Place, until

TOOL = Path(__file__).parents[3] / "shared" / "tools" / "ssh-zones"


@dataclass(frozen=True)
class Lab:
    """The hosts. Zones are numbered from 1, hosts in a zone too."""

    state: Path
    network: str

    @property
    def identity(self) -> Path:
        return self.state / "identity"

    def address(self, zone: int, host: int = 1) -> str:
        return f"{self.network}.{zone}.{10 + host}"

    def zone(self, verb: str, zone: int) -> None:
        """`cut`, `heal`, `drop` or `undrop` a zone."""
        subprocess.run([TOOL, "--state", self.state, verb, str(zone)], check=True, capture_output=True)

    def on(self, zone: int, host: int, command: str) -> str:
        """Run a command inside a host, past its network."""
        command_there = [*self.enter(zone, host), "sh", "-c", command]
        return subprocess.run(command_there, check=True, capture_output=True, text=True).stdout

    def enter(self, zone: int, host: int) -> list[str]:
        """The words before a command that is to run inside a host."""
        pid = (self._folder(zone, host) / "pid").read_text().strip()
        return ["nsenter", "-t", pid, "-m", "-u", "-n"]

    def listen(self, zone: int, host: int, port: int) -> None:
        """Let a host's SSH server be reached at another port, too."""
        config = self._folder(zone, host) / "sshd_config"
        other = config.with_name("other_sshd_config")
        lines = (line for line in config.read_text().splitlines() if not line.startswith(("Port ", "ListenAddress ")))
        other.write_text("\n".join([f"Port {port}", f"ListenAddress {self.address(zone, host)}", *lines]))
        self.on(zone, host, f"/usr/sbin/sshd -f {other}")

    def new_host_key(self, zone: int, host: int) -> None:
        """Give a host another key, as a new installation does, and end its sessions."""
        folder = self._folder(zone, host)
        (folder / "hostkey").unlink()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "hostkey"], check=True)
        self.end_sessions(zone, host)

    def end_sessions(self, zone: int, host: int) -> None:
        """End the host's SSH sessions; its sshd reads its keys again."""
        pid = int((self._folder(zone, host) / "pid").read_text())
        sessions = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGHUP)
        for session in sessions:
            with suppress(ProcessLookupError):
                os.kill(int(session), signal.SIGKILL)

    def _folder(self, zone: int, host: int) -> Path:
        [folder] = self.state.glob(f"*-z{zone}h{host}")
        return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Lab]:
    if not TOOL.exists():
        pytest.skip("the tool ssh-zones is not beside this repository")
    if os.geteuid() != 0:
        pytest.skip("hosts in network namespaces need root")
    missing = [name for name in ("/usr/sbin/sshd", "ip", "nsenter", "ssh-keygen") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")
    number = int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 0
    network, state = f"10.{140 + number}", tmp_path_factory.mktemp("lab") / "state"
    options = [str(TOOL), "--state", str(state), "--prefix", f"at{number}", "--network", network]
    done = subprocess.run([*options, "up"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        subprocess.run([*options, "down"], capture_output=True, check=False)
        pytest.skip(f"ssh-zones: {done.stderr.strip()[-200:]}")
    lab = Lab(state, network)
    try:
        for host in json.loads(subprocess.run([*options, "hosts", "--json"], capture_output=True, check=True).stdout):
            # The file system is this machine's but for what is mounted over it: each host gets a home of its own.
            pid = (state / host["name"] / "pid").read_text().strip()
            subprocess.run(["nsenter", "-t", pid, "-m", "mount", "-t", "tmpfs", "tmpfs", "/root"], check=True)
        yield lab
    finally:
        subprocess.run([*options, "down"], capture_output=True, check=False)


class Site(Place):
    """A user's folder with a server of its own, and fleets over the lab's hosts."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        super().__init__(folder)
        self.lab = lab
        self.environment["HOME"] = str(folder)

    def fleet(self, name: str, *hosts: str, more: str = "", identity: object = None) -> str:
        """A fleet's file; `hosts` are flow mappings or addresses."""
        config = f"  user: root\n  identity_file: {identity or self.lab.identity}\n  hosts:\n"
        lines = "".join(f"    - {host}\n" for host in hosts)
        return self.write(name, f"type: fleet\nname: {name}\nssh_config:\n{config}{lines}{more}")

    def rack(self, *zones: int, host: int = 1, more: str = "") -> str:
        """A fleet `rack` with one host in each of these zones, `rack-1` and so on."""
        hosts = [f"{{hostname: {self.lab.address(zone, host)}, availability_zone: rack-{zone}}}" for zone in zones]
        return self.fleet("rack", *hosts, more=more)

    def task(self, name: str, *commands: str, more: str = "") -> str:
        """A task's file that any host suits."""
        lines = "".join(f"  - {json.dumps(command)}\n" for command in commands)
        text = f"type: task\nname: {name}\nfleets: [rack]\nresources: {{cpu: 1.., memory: 1GB..}}\ncommands:\n{lines}"
        return self.write(name, text + more)

    def row(self, instance: str) -> str:
        """An instance's line as users see it; `instance` is its number in the fleet."""
        return next(line for line in self.ok("fleet").splitlines() if line.split()[:1] == [instance])


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[Site]:
    place = Site(tmp_path, lab)
    # Times that a test can wait for.
    place.home.mkdir()
    (place.home / "config.yml").write_text("backends:\n  - type: local\n  - type: ssh\n    job_silence: 3\n")
    place.ok("server", "start")
    try:
        yield place
        for zone in (1, 2, 3):
            lab.zone("heal", zone)
            lab.zone("undrop", zone)
        until(lambda: "unreachable" not in place.ok("fleet"), "all hosts to be back")
        place.clear()
        until(lambda: lab.on(1, 1, "ls -A /root") == "", "the first host to be clean")
    finally:
        place.end()
        for zone in (1, 2, 3):
            lab.zone("heal", zone)
            lab.zone("undrop", zone)
            for host in (1, 2):
                lab.on(zone, host, _CLEAN)


_CLEAN = """
for s in /root/.atoll/*.sock; do
  if [ -S "$s" ]; then curl -s -m 10 -X POST --unix-socket "$s" http://agent/shutdown >/dev/null || true; fi
done
rm -rf /root/.atoll
"""
