"""The forms in which lists are printed, and tables that fit a terminal."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atoll.cli.table import LAST_TO_GO, Table
from tests.cli import samples as s
from tests.cli.canned_server import CannedServer
from tests.cli.conftest import ATOLL, CommandLine

HEADINGS = ("NAME", "ZONES", "ID", "STATUS", "CREATED", "ERROR")
WORDS = st.text("abcxyz", min_size=1, max_size=12)
LISTS = st.lists(WORDS, min_size=1, max_size=6).map(", ".join)
SENTENCES = st.lists(WORDS, max_size=12).map(" ".join)
ROWS = st.lists(st.tuples(WORDS, LISTS, WORDS, WORDS, WORDS, SENTENCES), min_size=1, max_size=4)


@given(ROWS, st.integers(50, 200))
def test_a_table_fits_and_breaks_no_word(rows: list[tuple[str, ...]], width: int) -> None:
    table = Table(HEADINGS, optional=("ERROR",))
    for row in rows:
        table.add(*row)
    lines = table.render(width).splitlines()
    assert max(map(len, lines)) <= max(width, 1 + 12 + 2 + 13)
    shown = {word.strip(",") for line in lines for word in line.split()}
    kept = [at for at, heading in enumerate(HEADINGS) if heading in lines[0].split()]
    assert {0, 3} <= set(kept)
    expected = {word.strip(",") for row in rows for at in kept for word in row[at].split()}
    assert expected <= shown <= expected | set(HEADINGS)


def test_the_least_important_column_goes_first_and_the_state_stays() -> None:
    table = Table(HEADINGS)
    table.add("train", "local-a 2, local-b 2", "0" * 16, "active", "2 min ago", "no capacity in local-c until 14:05")
    headings = [table.render(width).splitlines()[0].split() for width in (110, 90, 70, 40, 10)]
    assert headings[0] == list(HEADINGS)
    assert [len(one) for one in headings] == sorted((len(one) for one in headings), reverse=True)
    assert headings[2] == ["NAME", "ZONES", "STATUS", "ERROR"]
    assert headings[4] == ["NAME", "STATUS"] or headings[4] == ["NAME"]
    assert {"STATUS", "ERROR", "ZONES"} <= set(LAST_TO_GO)


@pytest.fixture
def zones(server: CannedServer) -> None:
    server.on("GET", "zones", [s.zone_view(s.A), s.zone_view(s.B)])
    server.on("GET", "fleets", [s.fleet(s.instance(0, s.A))])
    server.on("GET", "events", [])


@pytest.mark.usefixtures("zones")
def test_the_forms_say_the_same(atoll: CommandLine) -> None:
    objects = json.loads(atoll("zone", "--json").stdout)
    assert json.loads(atoll("zone", "-o", "json").stdout) == objects
    assert [str(one["zone"]["name"]) for one in yaml.safe_load(atoll("zone", "-o", "yaml").stdout)] == [
        one["zone"]["name"] for one in objects
    ]
    assert atoll("zone", "-o", "name").stdout == "local/local/local-a\nlocal/local/local-b\n"
    assert atoll("fleet", "-o", "name").stdout == "train\n"
    assert atoll("zone", "-o", "wide").stdout == atoll("zone", "-v").stdout


@pytest.mark.usefixtures("zones")
def test_columns_are_chosen_by_name_also_those_of_the_wide_table(atoll: CommandLine) -> None:
    shown = atoll("zone", "--columns", "state,ZONE,zone_id", "--no-headers")
    assert [line.split() for line in shown.stdout.splitlines()] == [["available", "local-a"], ["available", "local-b"]]
    unknown = atoll("zone", "--columns", "colour")
    assert unknown.returncode == 2
    assert "there is no column `colour`; the columns are backend, region, zone" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zone", "-v", "--json"], "choose a form"),
        (["zone", "--json", "--columns", "zone"], "`--columns` is for tables"),
        (["zone", "-o", "xml"], "'xml' is not one of"),
        (["event", "-f", "-o", "yaml"], "`-f` prints lines"),
    ],
)
def test_forms_that_contradict_each_other_are_wrong_usage(
    atoll: CommandLine, arguments: list[str], message: str
) -> None:
    shown = atoll(*arguments)
    assert shown.returncode == 2
    assert message in shown.stderr


@pytest.mark.usefixtures("zones")
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_wide_lists_fit_a_terminal(atoll: CommandLine, server: CannedServer, width: int) -> None:
    shown = on_a_terminal(atoll, width, "fleet", "-v")
    assert "train" in shown
    assert max(map(len, shown.splitlines())) <= width


def test_a_person_reads_what_to_do_about_an_empty_list(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "fleets", [])
    assert "no fleets: `atoll init` writes a first file" in on_a_terminal(atoll, 80, "fleet")
    assert atoll("fleet").stderr == ""


def on_a_terminal(atoll: CommandLine, width: int, *arguments: str) -> str:
    """What a command prints on a terminal of this width, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen([*ATOLL, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
                               env=atoll.environment | {"NO_COLOR": "1"}, cwd=atoll.folder)  # fmt: skip
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    assert process.wait(timeout=20) == 0
    return b"".join(parts).decode().replace("\r\n", "\n")
