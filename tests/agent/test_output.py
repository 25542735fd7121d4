"""A job's output on its way into the log file: nothing lost, parts bounded, the file bounded."""

import os
import resource
import signal
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from atoll.agent.output import Log, Stream
from atoll.wire.logs import PART_BYTES, encode, parse

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES]).map(lambda size: b"x" * size),
        st.just(b"\n"),
    ),
    max_size=8,
)


def written(pieces: list[bytes], path: Path, limit: int = 1 << 30) -> bytes:
    reading, writing = os.pipe()
    stream = Stream("stdout", reading, Log(path, limit))
    for piece in pieces:
        os.write(writing, piece)
        assert stream.pump()
    os.close(writing)
    stream.drain()
    os.close(reading)
    return path.read_bytes()


@given(PIECES)
def test_the_parts_of_the_log_are_the_output_again_however_it_came(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines, rest = parse(written([piece for piece in pieces if piece], Path(folder, "log")))
    output = b"".join(pieces)
    expected = output if not output or output.endswith(b"\n") else output + b"\n"
    assert b"".join(line.text + (b"" if line.partial else b"\n") for line in lines) == expected
    assert all(len(line.text) <= PART_BYTES for line in lines)
    assert rest == b""


def test_a_full_log_says_so_once_and_keeps_whole_lines(tmp_path: Path) -> None:
    data = written([b"line\n" * 100] * 20, tmp_path / "log", limit=5000)
    lines, rest = parse(data)
    assert (len(data) < 5200, rest) == (True, b"")
    assert {line.text for line in lines[:-1]} == {b"line"}
    assert lines[-1].text == b"atoll: the log is full; what follows is not kept"


def test_a_disk_that_fills_up_loses_whole_lines_and_the_log_says_how_many(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = Log(tmp_path / "log")
    line = encode(0, "stdout", b"x" * 60)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * len(line) + 10, before[1]))  # fails within the fifth line
        log.write([line] * 3)
        log.write([line] * 5)
        log.write([line] * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    log.write([line])
    lines, rest = parse((tmp_path / "log").read_bytes())
    assert rest == b""
    note = b"atoll: the disk could not be written; lines lost: 5"
    assert [one.text for one in lines] == [b"x" * 60] * 5 + [note, b"x" * 60]
