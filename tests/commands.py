"""The command line in processes of their own that need not load it: each is forked from one that has.

    run(["fleet", "--json"], folder, {"ATOLL_HOME": "…"}).stdout

A command takes 0.25 s of CPU, nearly all of it to start Python and load modules. Forked, it runs the same code with a
folder, an environment, standard streams and an exit code of its own, in a tenth of that. Tests of the start itself, of
signals and of terminals run `python -m atoll.cli`.
"""

import array
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any

import atoll.cli
import atoll.client
from atoll.cli.main import main

_NUMBER_BYTES = 8
_AT_START = ("PYTHON", "LANG", "LC_")
"""Variables that Python reads at its start: with others than this process's, a command has a start of its own."""


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], typed: str = "", seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run `atoll` with these arguments to its end; its input is `typed`.

    Raises subprocess.TimeoutExpired, and ends it, where it takes longer than `seconds`.
    """
    if any(name.startswith(_AT_START) and value != os.environ.get(name) for name, value in environment.items()):
        return subprocess.run(
            [sys.executable, "-m", "atoll.cli", *arguments],
            cwd=folder,
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    request = json.dumps(
        {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
    ).encode()
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(typed.encode())
        files[0].seek(0)
        line = opened.enter_context(socket.socket(socket.AF_UNIX))
        line.connect(_loaded())
        line.settimeout(seconds)
        streams = array.array("i", (file.fileno() for file in files))
        line.sendmsg([len(request).to_bytes(_NUMBER_BYTES)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        line.sendall(request)
        pid = _number(line)
        try:
            code = _number(line)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["atoll", *arguments], seconds) from None
        texts = []
        for stream in files[1:]:
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess(["atoll", *arguments], code, *texts)


@cache
def _loaded() -> str:
    """The address of this test process's loaded process, which ends with it."""
    address = f"\0atoll-commands-{os.getpid()}-{os.urandom(4).hex()}"
    ready, started = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, address[1:], str(started)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        pass_fds=(started,),
    )
    os.close(started)
    assert os.read(ready, 1), "the loaded process did not start"
    os.close(ready)
    process.returncode = 0  # it ends with its input, which this process holds
    _KEPT.append(process)
    return address


_KEPT: list["subprocess.Popen[bytes]"] = []


def _number(line: socket.socket) -> int:
    content = _received(line, _NUMBER_BYTES)
    assert len(content) == _NUMBER_BYTES, "the process that forks commands has ended"
    return int.from_bytes(content, signed=True)


def _received(line: socket.socket, size: int) -> bytes:
    """`size` bytes, or fewer where the other end has closed."""
    content = b""
    while len(content) < size and (more := line.recv(size - len(content))):
        content += more
    return content


def _serve(name: str, started: int) -> None:
    """Load the command line, then fork a process for each request until the input ends."""
    running: dict[int, tuple[int, socket.socket]] = {}
    with socket.socket(socket.AF_UNIX) as listener:
        _load()
        listener.bind(f"\0{name}")
        listener.listen(16)
        os.write(started, b"+")
        os.close(started)
        while True:
            ready = select.select([listener, sys.stdin, *running], [], [])[0]
            for ended in [each for each in ready if each in running]:
                pid, line = running.pop(ended)
                os.close(ended)
                with line:
                    _answer(line, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            if listener in ready:
                line = listener.accept()[0]
                request, streams = _request(line)
                pid = os.fork()
                if pid == 0:
                    listener.close()
                    line.close()
                    _become(request, streams)
                for stream in streams:
                    os.close(stream)
                _answer(line, pid)
                running[os.pidfd_open(pid)] = pid, line
            elif sys.stdin in ready:
                return


def _load() -> None:
    for package in (atoll.cli, atoll.client):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    importlib.import_module("atoll.configuration.loading")
    gc.collect()
    gc.freeze()


def _request(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A command, and its standard streams."""
    streams = array.array("i")
    head, rights, _, _ = line.recvmsg(_NUMBER_BYTES, socket.CMSG_SPACE(3 * streams.itemsize))
    streams.frombytes(rights[0][2])
    return json.loads(_received(line, int.from_bytes(head))), list(streams)


def _answer(line: socket.socket, number: int) -> None:
    with suppress(OSError):  # the test does not wait any more
        line.sendall(number.to_bytes(_NUMBER_BYTES, signed=True))


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Run the requested command in this process, and end it."""
    for target, source in enumerate(streams):
        os.dup2(source, target)
        os.close(source)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate("rww"))
    sys.argv = ["atoll", *request["arguments"]]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
