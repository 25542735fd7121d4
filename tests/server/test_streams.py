"""How many streams may be open, and how they end with their user's access."""

import asyncio
from typing import Any

import pytest

from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode
from atoll.server import streams
from atoll.server.connections import STREAM
from atoll.server.streams import StreamAnswer, Streams


class Writer:
    """A side of a stream that ends its reader when it is closed."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def write(self, data: bytes) -> None:
        """Drop it."""

    async def drain(self) -> None:
        """Nothing waits."""

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise AssertionError

    def close(self) -> None:
        if not self._reader.at_eof():
            self._reader.feed_eof()


def _stream() -> tuple[asyncio.StreamReader, Writer]:
    reader = asyncio.StreamReader()
    return reader, Writer(reader)


def test_the_open_streams_of_a_user_and_of_the_server_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST", 3)
    monkeypatch.setattr(streams, "MOST_OF_USER", 2)
    counted = Streams()
    with counted.one_more("ann"), counted.one_more("ann"):
        with pytest.raises(Refused, match="you have 2 open streams") as refused, counted.one_more("ann"):
            pass
        assert (refused.value.code, refused.value.status) == (ErrorCode.TOO_MANY_STREAMS, 429)
        with counted.one_more("bob"), pytest.raises(Refused, match="the server has 3"), counted.one_more("eve"):
            pass
        with counted.one_more("eve"):
            pass
    with counted.one_more("ann"), counted.one_more("ann"):
        pass


def test_a_stream_ends_when_its_user_loses_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.01)
    sent: list[Any] = []

    async def whole() -> None:
        near, far, checks = _stream(), _stream(), [0]

        async def opened() -> tuple[asyncio.StreamReader, Writer]:
            return far

        async def check() -> None:
            checks[0] += 1
            if checks[0] == 3:
                far[0].feed_eof()
                raise Refused(ErrorCode.UNAUTHORIZED, "the token was revoked", status=401)

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError

        answer = StreamAnswer(opened, check, Streams(), "ann")
        await asyncio.wait_for(answer({"type": "http", "extensions": {STREAM: lambda: near}}, receive, send), 30)
        assert checks == [3]

    asyncio.run(whole())
    assert [message["status"] for message in sent] == [101]
