"""Where a machine's agent answers: what the server opens byte streams to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A Unix socket of the server's own machine."""

    path: str


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """A TCP port. The stream is neither encrypted nor authenticated: for private networks only."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SshSocket:
    """A Unix socket of a host that the server reaches by SSH; `host` is the name of the kept connection."""

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class ExecStream:
    """The standard input and output of a command, such as a scheduler's own `exec`.

    It runs on `host`, reached by SSH, or where that is empty on the server's machine.
    """

    command: tuple[str, ...]
    host: str = ""


Endpoint = UnixSocket | TcpSocket | SshSocket | ExecStream
