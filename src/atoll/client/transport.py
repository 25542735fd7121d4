"""One HTTP request over a Unix socket or TCP, on the standard library's `http.client`.

Not httpx: its import alone takes 0.2 CPU-seconds, most of what a whole command may take. Each request has a connection
of its own, so that the client may be used from several threads and never uses a stale connection.
"""

import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import BinaryIO

UNIX = "unix:"
_PART_BYTES = 1 << 20


class Unreachable(Exception):  # noqa: N818 - a fact about the server, which callers handle
    """No complete answer came. `sent` is False when the server never saw the request; `silent` after a time-out."""

    def __init__(self, cause: str, *, sent: bool, silent: bool = False) -> None:
        super().__init__(cause)
        self.sent = sent
        self.silent = silent


class BadAddress(ValueError):  # noqa: N818 - likewise
    """The address is neither `unix:/path` nor `http://host:port` nor `https://host:port`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `path` holds the query already; `timeout` is in seconds, for each wait on the socket.

    A body in parts needs its `Content-Length` among the headers.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Response:
    """The response; names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._timeout = timeout

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self._timeout)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            raise
        self.sock = sock


def _open(address: str, timeout: float) -> tuple[HTTPConnection, str]:
    """A connection that is not yet open, and the prefix of all paths."""
    if address.startswith(UNIX):
        return _UnixConnection(address.removeprefix(UNIX), timeout), ""
    scheme, _, rest = address.partition("://")
    host, slash, prefix = rest.partition("/")
    if scheme not in ("http", "https") or not host:
        raise BadAddress(address)
    try:
        if scheme == "http":
            return HTTPConnection(host, timeout=timeout), (slash + prefix).rstrip("/")
        from http.client import HTTPSConnection

        return HTTPSConnection(host, timeout=timeout), (slash + prefix).rstrip("/")
    except HTTPException as error:
        raise BadAddress(address) from error


def send(address: str, request: Request) -> Response:
    """Send one request and read its whole answer.

    Raises BadAddress, and Unreachable when the connection failed, broke, or was silent for `request.timeout`.
    """
    connection, prefix = _open(address, request.timeout)
    sent = False
    try:
        connection.connect()
        sent = True
        connection.request(request.method, prefix + request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)
    except TimeoutError as error:
        raise Unreachable(f"no answer for {request.timeout:g} s", sent=sent, silent=True) from error
    except OSError as error:
        raise Unreachable((error.strerror or "the connection broke").lower(), sent=sent) from error
    except HTTPException as error:
        raise Unreachable("the connection broke in the middle of the answer", sent=sent) from error
    finally:
        connection.close()


def in_parts(line: bytes, file: BinaryIO, size: int) -> Iterator[bytes]:
    """A line and `size` bytes of a file: a file that grows meanwhile would break the request."""
    yield line
    while size > 0 and (part := file.read(min(size, _PART_BYTES))):
        size -= len(part)
        yield part
