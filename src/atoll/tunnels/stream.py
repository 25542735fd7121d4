"""A byte stream as the agents' client uses it, and how one is opened."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class TunnelError(Exception):
    """A machine cannot be reached. `permanent` means that only a user can change that; the text is for the user."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class Reader(Protocol):
    """What comes in."""

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes; empty at the end."""
        ...

    def at_eof(self) -> bool:
        """Whether the other side has ended the stream and all of it is read."""
        ...


class Writer(Protocol):
    """What goes out."""

    def write(self, data: bytes) -> None:
        """Send later."""
        ...

    async def drain(self) -> None:
        """Wait until enough is sent."""
        ...

    def can_write_eof(self) -> bool:
        """Whether this direction can end before the other one."""
        ...

    def write_eof(self) -> None:
        """End this direction when all is sent."""
        ...

    def close(self) -> None:
        """End the stream in both directions."""
        ...


Stream = tuple[Reader, Writer]
Dial = Callable[[], Awaitable[Stream]]
"""Opens a new stream. Raises TunnelError."""
