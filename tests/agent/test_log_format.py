"""The log file's format: what is written is read back, in any pieces."""

from hypothesis import given
from hypothesis import strategies as st

from atoll.wire.logs import LogLine, encode, encode_lines, output_of, parse

TEXTS = st.binary(max_size=50).map(lambda text: text.replace(b"\n", b""))
WRITTEN = st.lists(st.tuples(st.integers(0, 2**62), st.sampled_from(["stdout", "stderr"]), TEXTS, st.booleans()))


def test_a_line_looks_like_the_container_runtime_interfaces() -> None:
    line = encode(1_795_514_400_123_456_789, "stdout", b"text")
    assert line == b"2026-11-24T10:00:00.123456789Z stdout F text\n"


@given(WRITTEN, st.integers(1, 40))
def test_what_was_written_is_read_back_in_any_pieces(written: list[tuple[int, str, bytes, bool]], piece: int) -> None:
    data = b"".join(encode(*line) for line in written)
    found: list[LogLine] = []
    rest = b""
    for start in range(0, len(data), piece):
        lines, rest = parse(rest + data[start : start + piece])
        found += lines
    assert rest == b""
    assert [(line.stream, line.text, line.partial) for line in found] == [(s, t, p) for _, s, t, p in written]


def test_a_torn_line_is_kept_as_text() -> None:
    assert parse(b"2026-11-24T10:00:00\nrest") == ([LogLine("", "", False, b"2026-11-24T10:00:00")], b"rest")


@given(st.integers(0, 2**62), st.lists(TEXTS, min_size=1))
def test_many_lines_at_once_are_what_they_are_one_by_one(time: int, texts: list[bytes]) -> None:
    assert encode_lines(time, "stdout", texts) == b"".join(encode(time, "stdout", text) for text in texts)


@given(WRITTEN)
def test_output_without_a_look_at_each_line_is_the_same_or_none(written: list[tuple[int, str, bytes, bool]]) -> None:
    data = b"".join(encode(*line) for line in written)
    lines, _ = parse(data)
    plain = bool(lines) and all(line.stream == "stdout" and not line.partial for line in lines)
    assert output_of(data) == (b"".join(line.text + b"\n" for line in lines) if plain else None)


def test_a_torn_line_is_no_plain_output() -> None:
    whole = encode(1, "stdout", b"text")
    assert output_of(whole) == b"text\n"
    assert output_of(whole + b"2026-11-24T10:00:00\n") is None
