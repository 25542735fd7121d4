"""The agent's process: `python -m atoll.agent --state DIR --instance ID --socket PATH`.

It ends at SIGTERM and leaves its jobs running under their supervisors; the next agent takes them up.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from atoll import __version__
from atoll.agent import mounts, processes
from atoll.agent.app import Agent, Routes, watch
from atoll.agent.http import HEAD_BYTES, Server
from atoll.agent.jobs import Jobs
from atoll.model.system_error import error_words

_CLOSE_SECONDS = 1


def main() -> int:
    """Serve until a signal or a shutdown request; returns the exit code."""
    words = _arguments()
    try:
        words.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        words.state.chmod(0o700)
        lock = os.open(words.state / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _fail(f"another agent uses {words.state}")
    except OSError as error:
        return _fail(error_words(error))
    # Orphans of a supervisor that was killed come to us, so that no dead ones stay.
    processes.adopt()
    probe = words.state / "probe"
    probe.mkdir(mode=0o700, exist_ok=True)
    mode = mounts.probe(probe, hiding=bool(words.hide))
    jobs = Jobs(words.state.resolve() / "jobs", mode, os.environ, words.hide)
    try:
        listener = _listen(words.socket)
    except OSError as error:
        return _fail(f"cannot listen at {words.socket}: {error_words(error)}")
    try:
        notices = None
        if words.metadata:
            from atoll.agent.notices import Notices  # most machines do without its HTTP client

            notices = Notices(words.metadata)
        asyncio.run(_serve(lambda: Agent(words.instance, __version__, bool(mode), jobs, notices), listener))
    finally:
        words.socket.unlink(missing_ok=True)
    return 0


async def _serve(make: Callable[[], Agent], listener: socket.socket) -> None:
    agent = make()  # in its loop: Python 3.9 ties an asyncio.Event to the one that runs
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.ending.set)
    loop.add_signal_handler(signal.SIGCHLD, processes.reap)
    processes.reap()
    server = Server(Routes(agent))
    listening = await asyncio.start_unix_server(server.connected, sock=listener, limit=HEAD_BYTES)
    watching = asyncio.create_task(watch(agent))
    reading = None if agent.notices is None else asyncio.create_task(agent.notices.watch())
    ending = asyncio.create_task(agent.ending.wait())
    await asyncio.wait([ending, watching], return_when=asyncio.FIRST_COMPLETED)
    listening.close()
    watching.cancel()
    if reading is not None:
        reading.cancel()
    await server.close(_CLOSE_SECONDS)
    with suppress(asyncio.CancelledError):
        await watching


def _listen(path: Path) -> socket.socket:
    """A socket that we alone may use. One that is left there is of an agent that is gone: the state's lock is ours."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m atoll.agent", description="Runs jobs on this instance.")
    parser.add_argument("--state", type=Path, required=True, help="the agent's own folder")
    parser.add_argument("--instance", required=True, help="the instance's id")
    parser.add_argument("--hide", action="append", default=[], help="a folder that jobs do not see")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to serve at")
    parser.add_argument("--metadata", default="", help="URL of EC2's metadata service, for notices; none by default")
    return parser.parse_args()


def _fail(message: str) -> int:
    sys.stderr.write(f"atoll agent: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
