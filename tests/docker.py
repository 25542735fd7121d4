"""A Docker daemon of the tests' own, in a folder of its own, with one small image. It needs root and docker.io.

It has no bridge and changes no firewall rule: containers share the machine's network.
"""

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

IMAGE = "atoll-test:1"
START_SECONDS = 60
_APPLETS = (
    "sh",
    "cat",
    "echo",
    "env",
    "false",
    "id",
    "ls",
    "mkdir",
    "mount",
    "pwd",
    "sleep",
    "stat",
    "touch",
    "true",
    "tail",
)


class Docker:
    """The daemon at `socket`; `enter` are the words that run a command where it runs."""

    def __init__(self, folder: Path, enter: Sequence[str] = ()) -> None:
        self.folder = folder
        self.socket = folder / "d.sock"
        self.enter = [*enter]

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    def __call__(self, *words: str, content: bytes | None = None) -> str:
        """The output of one command of the client."""
        command = [*self.enter, "docker", "-H", self.address, *words]
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    @property
    def containers(self) -> list[str]:
        return self("ps", "--all", "--format", "{{.Names}}").split()


@contextmanager
def daemon(enter: Sequence[str] = ()) -> Iterator[Docker]:
    """A daemon with the image `IMAGE`: busybox, with `/data` as its working directory."""
    missing = [name for name in ("dockerd", "docker", "busybox") if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"a Docker daemon needs root and docker.io and busybox-static; missing: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="ad") as name:
        docker = Docker(Path(name), enter)
        state = [f"--{key}={docker.folder / key}" for key in ("data-root", "exec-root", "pidfile")]
        plain = ["--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]
        with (docker.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*enter, "dockerd", *state, *plain, f"--host={docker.address}"], stdout=log, stderr=log
            )
        try:
            _wait(docker, process)
            changes = ("--change", "WORKDIR /data", "--change", 'CMD ["echo", "the default"]')
            docker("import", *changes, "-", IMAGE, content=_image())
            yield docker
        finally:
            process.terminate()
            process.wait(30)
            # A daemon leaves its own network namespace mounted.
            left = [*enter, "umount", *map(str, docker.folder.glob("exec-root/netns/*"))]
            subprocess.run(left, capture_output=True, check=False)


def _wait(docker: Docker, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    command = [*docker.enter, "docker", "-H", docker.address, "version"]
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.skip(f"dockerd does not run here: {(docker.folder / 'log').read_text()[-300:]}")
        time.sleep(0.1)


def _image() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode in ((".", 0o755), ("bin", 0o755), ("run", 0o755), ("tmp", 0o777), ("data", 0o777)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        tar.add(shutil.which("busybox") or "", "bin/busybox")
        for name in _APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()
