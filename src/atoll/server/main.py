"""`python -m atoll.server --home DIR [--host H --port N]`: one server process."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from atoll import __version__
from atoll.engine.engine import Engine
from atoll.engine.requests.accounts import keep_first_token
from atoll.model.system_error import error_words
from atoll.server.app import create_app, prepare
from atoll.server.config_file import dstack_aliases
from atoll.server.connections import BoundedProtocol
from atoll.server.files import keep_files
from atoll.server.front import HEAD_BYTES
from atoll.server.home import Home, HomeError, private_socket
from atoll.server.listener import bound
from atoll.server.logs import log_lines
from atoll.server.webdoor import WebDoor
from atoll.store.database import DatabaseError, sqlite_url

log = logging.getLogger("atoll.server")
ANSWER_SECONDS = 3
"""Seconds that current requests may take when the server stops; the engine has its own limit after that."""
STOP_SECONDS = 9.0
"""Seconds after which a stop does not wait any more, whatever is computed."""
BACKLOG = 32
"""The number of connections that may wait to be accepted, and that are accepted before any is served."""
YOUNG = 10_000
"""The collector's first threshold, in new objects: every turn of work creates hundreds."""
MIDDLE = 1
"""The second threshold, in collections of new objects: at 20, one collection of the older ones took 80 ms."""
OLD = 200
"""The third threshold, in collections of the second generation before a full one."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main() -> None:
    """Run until SIGTERM or SIGINT. Exits 1 with one line where it cannot start."""
    parser = argparse.ArgumentParser(prog="atoll.server")
    parser.add_argument("--home", type=Path, required=True, help="the data folder")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on, with --port")
    parser.add_argument("--port", type=int, help="listen on this port instead of a Unix socket (0: a free one)")
    parser.add_argument("--public-url", default="", help="the address at which browsers reach this server")
    arguments = parser.parse_args()
    log_lines()
    try:
        asyncio.run(_serve(arguments.home, arguments.host, arguments.port, arguments.public_url))
    except (HomeError, DatabaseError, ValueError, OSError) as error:
        print(f"error: {error_words(error)}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


async def _serve(folder: Path, host: str, port: int | None, public_url: str) -> None:
    home = Home(folder)
    try:
        listener, address = _listen(home, host, port)
        listener.listen(BACKLOG)  # clients that find the address may connect, though the first answer takes a moment
        database = os.environ.get("ATOLL_DATABASE_URL") or sqlite_url(folder / "atoll.db")
        alone = home.hold_database(database)
        config = home.config()
        engine = await Engine.open(
            folder,
            database_url=database,
            config=config,
            secret_key=os.environ.get("ATOLL_SECRET_KEY"),
        )
        if alone:
            await engine.take_over()
        await keep_first_token(engine.context, home.token)
        door = WebDoor(home, address, public_url)
        app = create_app(engine, address, door.open, door.hosts(host), dstack_aliases(config))
        app.state.web_address = lambda: door.address
        settings = uvicorn.Config(
            app,
            http=BoundedProtocol,
            backlog=BACKLOG,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=ANSWER_SECONDS,
            h11_max_incomplete_event_size=HEAD_BYTES,
            server_header=False,
        )
        server = uvicorn.Server(settings)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, app, engine, server)
        door.serve_with(server)
        await engine.start()
        home.announce(address, __version__)
        log.info("address=%s home=%s started", address, folder)
        keeping = asyncio.create_task(keep_files(home, address, server))
        watching = asyncio.create_task(app.state.disks.watch())
        settling = asyncio.create_task(_settle(app))
        try:
            await server.serve([listener, *door.reopened()])
        finally:
            keeping.cancel()
            watching.cancel()
            await settling
            await engine.close()
            log.info("stopped")
    finally:
        home.close()


async def _settle(app: FastAPI) -> None:
    """Make beforehand, beside the first requests, what they would wait for."""
    await asyncio.to_thread(prepare, app)
    _collect_from_now_on()


def _collect_from_now_on() -> None:
    """Exempt all loaded objects from collection, which would take long enough to delay requests."""
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    gc.enable()


def _stop(app: FastAPI, engine: Engine, server: uvicorn.Server) -> None:
    """Accept no more requests; long polls return at once, and current requests are finished."""
    app.state.closing = True
    watchdog = threading.Timer(STOP_SECONDS, _give_up)
    watchdog.daemon = True
    watchdog.start()
    engine.news.notify()
    server.should_exit = True


def _give_up() -> None:
    """End at once: what is computed or written is taken up as after a crash."""
    log.warning("stopped with work under way, which another server or the next start takes up")
    logging.shutdown()
    os._exit(0)


def _listen(home: Home, host: str, port: int | None) -> tuple[socket.socket, str]:
    if port is None:
        return private_socket(home.socket), f"unix:{home.socket}"
    if host not in _LOOPBACK:
        log.warning("host=%s listening beyond this machine, without encryption: put a TLS proxy before it", host)
    try:
        listener = bound(host, port)
    except OSError as error:
        raise HomeError(f"cannot listen on {host}:{port}: {error.strerror}: choose another --port") from error
    return listener, f"http://{host}:{listener.getsockname()[1]}"
