"""The log of the server as a command shows it."""

import signal
from io import BytesIO
from pathlib import Path

import pytest

from atoll.cli.server_log import BLOCK_BYTES, last_lines
from tests.cli.conftest import CommandLine


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
@pytest.mark.parametrize("length", [3, BLOCK_BYTES // 2, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_the_last_lines_are_those_of_the_whole_text(count: int, length: int) -> None:
    lines = [str(number) * length for number in range(4)]
    assert last_lines(BytesIO("".join(f"{line}\n" for line in lines).encode()), count) == "\n".join(
        lines[-count:] if count else []
    )


def test_a_log_is_shown_from_its_end_and_followed(tmp_path: Path) -> None:
    atoll = CommandLine(tmp_path, None)
    log = tmp_path / "home" / "server.log"
    missing = atoll("server", "logs")
    assert missing.returncode == 1
    assert f"there is no log {log}" in missing.stderr
    log.parent.mkdir()
    log.write_text("one\ntwo\nthree\n")
    assert atoll("server", "logs", "--tail", "2").stdout == "two\nthree\n"
    with atoll.begin("server", "logs", "-f", "--tail", "1") as following:
        assert following.stdout is not None
        try:
            assert following.stdout.readline() == "three\n"
            with log.open("a") as file:
                file.write("four\nhalf")
            assert following.stdout.readline() == "four\n"
            log.write_text("new\n")
            assert following.stdout.readline() == "new\n"
        finally:
            following.send_signal(signal.SIGINT)
    assert following.returncode == 0


def test_a_log_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home" / "server.log").mkdir(parents=True)
    refused = CommandLine(tmp_path, None)("server", "logs")
    assert refused.returncode == 1
    assert "cannot read" in refused.stderr
