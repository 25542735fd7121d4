"""`atoll attach`: ports of a job at this computer, through a real server and a real agent, and the log beside them."""

import re
import signal
import socket
import subprocess
import urllib.request
from http.client import HTTPException
from pathlib import Path

from tests.e2e.conftest import ATOLL, Place, until

SERVING = """
type: task
name: web
resources: {cpu: 1.., memory: 1GB..}
ports: ["*:PORT"]
commands:
  - echo "from the job" > page
  - echo serving
  - python3 -u -m http.server PORT --bind 127.0.0.1
"""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Attached:
    """A running `atoll attach`, and what it has printed."""

    def __init__(self, place: Place, *arguments: str) -> None:
        self.path = Path(place.folder, "attach.out")
        with self.path.open("wb") as file:
            self.process = subprocess.Popen(
                [*ATOLL, "attach", *arguments],
                cwd=place.folder,
                env=place.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def text(self) -> str:
        return self.path.read_text()

    def end(self) -> None:
        """End it, where it has not ended."""
        self.process.kill()
        self.process.wait()

    def port(self, remote: int) -> int:
        """The port of this computer that leads to `remote`."""
        form = re.compile(rf"localhost:(\d+) leads to port {remote} of job 0 of run web")
        until(lambda: form.search(self.text) is not None, "the port to be forwarded")
        found = form.search(self.text)
        assert found is not None
        return int(found[1])


def page_at(port: int) -> str | None:
    """The page of the job; None where no whole one comes."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=30) as answer:
            body: bytes = answer.read()
            return body.decode()
    except (OSError, HTTPException):
        return None


def _silent(port: int) -> bool:
    """Whether a connection is closed without a byte."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        return connection.recv(1) == b""


def _piped(place: Place, *arguments: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run `atoll attach` with this content in a pipe as its standard input."""
    command = [*ATOLL, "attach", *arguments]
    return subprocess.run(
        command, cwd=place.folder, env=place.environment, input=content, capture_output=True, timeout=60, check=False
    )


# It takes seconds: a server, a job, and a process of Python for each of nine commands.
def test_a_port_of_a_job_is_reached_at_this_computer_and_its_log_is_printed(shared: Place) -> None:
    place = shared
    port, closed = _free_port(), _free_port()
    place.ok("apply", "-f", place.write("web", SERVING.replace("PORT", str(port))), "-y", "-d")
    until(lambda: "serving" in place.ok("logs", "web"), "the job to serve")
    attached = Attached(place, "web")
    until(lambda: page_at(attached.port(port)) == "from the job\n", "the port of the configuration to be reached")
    attached.end()
    attached = Attached(place, "web", "-p", f"*:{port}", "-p", f"*:{closed}")
    try:
        here = attached.port(port)
        until(lambda: page_at(here) is not None, "the job to listen")
        assert [page_at(here) for _ in range(3)] == ["from the job\n"] * 3
        assert _silent(attached.port(closed))
        until(lambda: f"nothing listens on port {closed}" in attached.text, "the reason to be printed")
        until(lambda: "serving\n" in attached.text and "GET /page" in attached.text, "the log to be printed")
        taken = place.refused("attach", "web", "-p", f"{here}:{port}")
        assert f"port {here} of this computer cannot be used: address already in use" in taken
        request = b"GET /page HTTP/1.0\r\n\r\n"
        piped = _piped(place, "web", "--stdio", "-p", str(port), content=request)
        assert (piped.returncode, piped.stdout.rpartition(b"\r\n\r\n")[2]) == (0, b"from the job\n")
        nothing = _piped(place, "web", "--stdio", "-p", str(closed), content=b"")
        assert (nothing.returncode, nothing.stdout) == (1, b"")
        assert f"nothing listens on port {closed}".encode() in nothing.stderr
        assert "no job 7" in place.refused("attach", "web", "--job", "7")
        place.ok("stop", "web")
        assert attached.process.wait(30) not in (0, -signal.SIGKILL)
        assert "run web ended as stopped" in attached.text
    finally:
        attached.end()
    assert "has ended: it is stopped" in place.refused("attach", "web", "-p", str(port))
    assert "`a:b` is no port" in place.refused("attach", "web", "-p", "a:b", code=2)
