"""The agent's process: `python -m atoll.agent --state DIR --instance ID --socket PATH`.

It ends at SIGTERM and leaves its jobs running under their supervisors; the next agent takes them up.
"""

import argparse
import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from atoll import __version__
from atoll.agent import mounts, processes
from atoll.agent.app import Agent, create_app, watch
from atoll.agent.jobs import Jobs

_CLOSE_SECONDS = 1


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: a plain end, rather than to be raised again afterwards."""
        yield


def main() -> int:
    """Serve until asked to end; the exit code."""
    words = _arguments()
    try:
        words.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        words.state.chmod(0o700)
        lock = os.open(words.state / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _fail(f"another agent uses {words.state}")
    except OSError as error:
        return _fail(str(error))
    # Orphans of a supervisor that was killed come to us, so that no dead ones stay.
    processes.adopt()
    probe = words.state / "probe"
    probe.mkdir(mode=0o700, exist_ok=True)
    mode = mounts.probe(probe)
    jobs = Jobs(words.state.resolve() / "jobs", mode, os.environ)
    try:
        listener = _listen(words.socket)
    except OSError as error:
        return _fail(f"cannot listen at {words.socket}: {error}")
    try:
        asyncio.run(_serve(Agent(words.instance, __version__, bool(mode), jobs), listener))
    finally:
        words.socket.unlink(missing_ok=True)
    return 0


async def _serve(agent: Agent, listener: socket.socket) -> None:
    config = uvicorn.Config(
        create_app(agent),
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.ending.set)
    loop.add_signal_handler(signal.SIGCHLD, processes.reap)
    processes.reap()
    watching = asyncio.create_task(watch(agent))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    ending = asyncio.create_task(agent.ending.wait())
    await asyncio.wait([serving, ending, watching], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    watching.cancel()
    await serving
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
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to serve at")
    return parser.parse_args()


def _fail(message: str) -> int:
    sys.stderr.write(f"atoll agent: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
