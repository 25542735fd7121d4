"""A server in a process of its own, over a port, on a fake cloud."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from atoll.client import Client

START_SECONDS = 60


class ServerProcess:
    """Starts with the block and is killed at its end, where it has not ended by itself."""

    module = "atoll.server"

    def __init__(self, home: Path, environment: dict[str, str] | None = None, port: int = 0) -> None:
        self.home = home
        self._port = port
        home.mkdir(exist_ok=True)
        (home / "config.yml").write_text("backends:\n- type: fake\n")
        self._environment = {"PATH": os.environ["PATH"], **(environment or {})}
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> "ServerProcess":
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "--home", str(self.home), "--port", str(self._port)],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # without the terminal of the tests: it is ended where they are cut off
            )
        limit = time.monotonic() + START_SECONDS
        while not (self.home / "server.json").exists():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < limit, self.log
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        (self.home / "server.json").unlink(missing_ok=True)

    @property
    def address(self) -> str:
        return str(json.loads((self.home / "server.json").read_text())["address"])

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text()

    @property
    def client(self) -> Client:
        return Client(self.address, self.token)

    def ask_to_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def end(self, seconds: float) -> int:
        """Its exit code; fails where it takes longer."""
        return self._process.wait(timeout=seconds)
