"""`atoll attach`: the ports of a run's job at this computer, and its log, until the run ends."""

import asyncio
import os
import stat
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import click

from atoll.cli import errors, terminal
from atoll.cli.completion import existing
from atoll.cli.follow import left_running, run_outcome
from atoll.cli.log import LogPrinter
from atoll.client import Client, ClientError, connect
from atoll.wire.streams import relay

IDLE_SECONDS = 86400.0
"""The server ends idle streams sooner."""
LOOK_SECONDS = 5.0
LARGEST_PORT = 65535
HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of this computer (0: any free one) that leads to one of a job.

    One that is `named` by the run's configuration alone gives way to a free one where it is taken.
    """

    local: int
    remote: int
    named: bool = False


def forwards(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> tuple[Forward, ...]:
    """The ports as they are written: `8000`, `8080:8000` or `*:8000`. Raises BadParameter."""
    found = []
    for text in texts:
        local, colon, remote = text.rpartition(":")
        numbers = ["0" if local == "*" else local if colon else remote, remote]
        if not all(
            number.isascii() and number.isdecimal() and int(number[:6]) <= LARGEST_PORT for number in numbers
        ) or not int(remote):
            message = f"`{text}` is no port: `8000`, `8080:8000`, or `*:8000` for any free port here"
            raise click.BadParameter(message, ctx, param)
        found.append(Forward(int(numbers[0]), int(remote)))
    return tuple(found)


@click.command()
@click.argument("name", metavar="RUN", shell_complete=existing("unfinished"))
@click.option(
    "-p",
    "--port",
    "ports",
    multiple=True,
    callback=forwards,
    metavar="[LOCAL:]PORT",
    help="Forward a port of this computer to one of the job, instead of the run's own `ports`; `*:8000` takes any free "
    "one here. Repeatable.",
)
@click.option(
    "--job", type=click.IntRange(min=0), default=0, metavar="RANK", help="The job, by its rank; 0 by default."
)
@click.option("--no-logs", is_flag=True, help="Do not print the log.")
@click.option(
    "--stdio",
    is_flag=True,
    help="Connect standard input and output to the one port of `-p`, as a ProxyCommand of ssh does.",
)
@click.pass_context
def attach(ctx: click.Context, name: str, *, ports: tuple[Forward, ...], job: int, no_logs: bool, stdio: bool) -> None:
    """Forward ports to a job of a run, and print its log.

    Without `-p`, these are the `ports` of the run's configuration.
    Nothing is opened on the job's machine: the bytes go through the server. It ends with the run; Ctrl-C detaches, and
    the run continues.
    """
    if stdio and len(ports) != 1:
        raise click.UsageError("`--stdio` needs the one port of the job: `-p 22`")
    client = connect()
    if stdio:
        asyncio.run(_piped(client, name, job, ports[0].remote))
        return
    view = client.run(name)
    if view.finished_at is not None:
        raise errors.CommandError(f"run {name} has ended: it is {view.status}", f"`atoll logs {name}` prints its log")
    if all(one.rank != job for one in view.jobs):
        raise errors.CommandError(f"run {name} has no job {job}", f"`atoll run get {name}` lists its jobs")
    ports = ports or tuple(Forward(port.local or 0, port.port, named=True) for port in view.ports)
    try:
        asyncio.run(_attached(client, name, job, ports, logs=not no_logs))
    except KeyboardInterrupt:
        raise left_running([name]) from None
    outcome = run_outcome(client.run(name))
    if outcome is not None and outcome.code:
        errors.show(outcome.text)
        ctx.exit(outcome.code)
    terminal.note(f" {outcome.text if outcome else f'run {name} goes on'}")


async def _attached(client: Client, name: str, job: int, ports: Sequence[Forward], *, logs: bool) -> None:
    """Forward and print until the run has ended. Raises CommandError, and ClientError where the server is gone."""
    ended, failed = asyncio.Event(), list[ClientError]()
    listening = [await Forwarding(client, name, job, port.remote).listen(port) for port in ports]
    loop = asyncio.get_running_loop()

    def watch() -> None:
        try:
            if logs:
                LogPrinter(client, name, job).follow()
            else:
                while client.run(name).finished_at is None:
                    threading.Event().wait(LOOK_SECONDS)
        except ClientError as error:
            failed.append(error)
        with suppress(RuntimeError):  # the loop is gone after Ctrl-C
            loop.call_soon_threadsafe(ended.set)

    # A thread of its own, not the loop's: those are waited for at the end, and a read may wait for seconds.
    threading.Thread(target=watch, daemon=True).start()
    try:
        await ended.wait()
    finally:
        for server in listening:
            server.close()
    if failed:
        raise failed[0]


async def _piped(client: Client, name: str, job: int, port: int) -> None:
    """Carry standard input and output. Raises CommandError, ClientError."""
    for each in (sys.stdin, sys.stdout):
        mode = os.fstat(each.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or each.isatty()):
            raise errors.CommandError("`--stdio` needs pipes as its standard input and output, not files")
    far = await client.open_port(name, port, job=job)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    # Copies of the two, which asyncio closes at the end: the process flushes its own then.
    source, target = os.fdopen(os.dup(sys.stdin.fileno()), "rb", 0), os.fdopen(os.dup(sys.stdout.fileno()), "wb", 0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, target)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    await relay((reader, writer), far, IDLE_SECONDS)


class Forwarding:
    """Carries connections to one port of this computer to a port of a job."""

    def __init__(self, client: Client, run: str, job: int, port: int) -> None:
        self._client = client
        self._run = run
        self._job = job
        self._port = port
        self._said = ""

    async def listen(self, forward: Forward) -> asyncio.Server:
        """Listen on a port of this computer. Raises CommandError where it is taken."""
        try:
            server = await asyncio.start_server(self._carry, HERE, forward.local)
        except OSError as error:
            if forward.named:
                return await self.listen(Forward(0, forward.remote))
            message = f"port {forward.local} of this computer cannot be used: {os.strerror(error.errno or 0).lower()}"
            raise errors.CommandError(message, f"take another one: `-p '*:{self._port}'`") from error
        port = server.sockets[0].getsockname()[1]
        terminal.note(f" localhost:{port} leads to port {self._port} of job {self._job} of run {self._run}")
        return server

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await self._client.open_port(self._run, self._port, job=self._job)
        except ClientError as error:
            if error.message != self._said:  # a browser tries again and again
                self._said = error.message
                errors.warn(error.message, error.help)
            writer.close()
            return
        self._said = ""
        await relay((reader, writer), far, IDLE_SECONDS)
