"""A small HTTP server with prepared answers, over a real socket: what the command line meets in its tests.

In a test it runs in a thread (`CannedServer`); as a program (`canned_server.py --home DIR`) it stands in for a server
that is started, answers its health, and ends with SIGTERM.
"""

import json
import os
import socketserver
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from atoll.wire.api import Healthz, Problem, ServerStatus

TOKEN = "canned-token"
PROJECT = "/api/projects/main"


@dataclass
class Request:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes


@dataclass
class Answer:
    """What goes back. `drop` closes the connection in place of an answer."""

    value: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


Script = Callable[[Request], Answer]


def refusal(status: int, problem: Problem) -> Answer:
    """The server says no."""
    return Answer(problem, status)


class CannedServer:
    """Answers each route with what was prepared for it: one answer for ever, several in turn, or a function's."""

    def __init__(self, unix: Path | None = None) -> None:
        self.requests: list[Request] = []
        self._answers: dict[tuple[str, str], list[Answer | Script]] = {}
        handler = type("Handler", (_Handler,), {"canned": self})
        self._server: socketserver.BaseServer
        if unix:
            self._server = _UnixServer(str(unix), handler)
            self.address = f"unix:{unix}"
        else:
            self._server = _Server(("127.0.0.1", 0), handler)
            self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.on("GET", "/healthz", Healthz("ok", "0.1.0"))

    def __enter__(self) -> "CannedServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, method: str, path: str, *answers: Any) -> None:
        """Prepare the answers of a route, the last for ever. Paths below the project begin without a slash."""
        full = path if path.startswith("/") else f"{PROJECT}/{path}"
        self._answers[method, full] = [
            one if isinstance(one, Answer) or callable(one) else Answer(one) for one in answers
        ]

    def answer(self, request: Request, token: str) -> Answer:
        self.requests.append(request)
        if request.path != "/healthz" and token != f"Bearer {TOKEN}":
            return refusal(401, Problem("bad-token", "the token is wrong", "set ATOLL_TOKEN"))
        prepared = self._answers.get((request.method, request.path))
        if prepared is None:
            name = request.path.rsplit("/", 1)[-1]
            return refusal(404, Problem("not-found", f"there is no `{name}`", "look at the list"))
        one = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        return one if isinstance(one, Answer) else one(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    canned: CannedServer

    def _serve(self) -> None:
        with suppress(ConnectionError):  # a client that was interrupted
            self._reply()

    def _reply(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, parts.path, parse_qs(parts.query), body)
        answer = self.canned.answer(request, self.headers.get("Authorization", ""))
        if answer.drop:
            self.close_connection = True
            return
        content = answer.value if isinstance(answer.value, bytes) else msgspec.json.encode(answer.value)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that the base class calls

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: object) -> None:
        pass


def _main() -> None:
    """A process that starts as the server does: a socket, a token, `server.json`."""
    home = Path(sys.argv[sys.argv.index("--home") + 1])
    if (home / "refuse").exists():
        sys.exit("error: the database is of a newer version")
    with (home / "starts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    with CannedServer(unix=home / "api.sock") as server:
        now = datetime.now(UTC)
        server.on("GET", "/api/status", ServerStatus("0.1.0", os.getpid(), server.address, "canned", now))
        (home / "token").write_text(TOKEN)
        (home / "server.json.new").write_text(
            json.dumps({"address": server.address, "pid": os.getpid(), "version": "0.1.0"})
        )
        (home / "server.json.new").rename(home / "server.json")
        threading.Event().wait()


if __name__ == "__main__":
    _main()
