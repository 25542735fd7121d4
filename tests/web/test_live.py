"""The page follows the server: what is applied, fails or is printed appears without a reload, and after a lost
connection."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Site, ready, shot

FLEET = "type: fleet\nname: {name}\nnodes: 3\nplacement: spread\nbackends: [local]\nresources: {{cpu: 2}}\n"
TASK = """\
type: task
name: talk
backends: [local]
retry: true
commands:
- for line in 1 2 3 4 5 6; do echo "line $line"; sleep 0.3; done
- sleep 60
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """This machine as three zones, at a port that a restarted server has again."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = ServerProcess(tmp_path_factory.mktemp("web") / "home", port=port)
    (process.home / "config.yml").write_text("backends: [{type: local}]\n")
    with process:
        yield process
        for run in process.client.runs():
            process.client.stop_run(run.name, abort=True)
        for fleet in process.client.fleets():
            process.client.delete_fleet(fleet.name)


def apply(server: ServerProcess, text: str) -> None:
    server.client.apply(Submission((SourceFile("page.yml", text),)))


def atoll(server: ServerProcess, *arguments: str) -> None:
    """A command in a terminal."""
    environment = os.environ | {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token}
    command = [sys.executable, "-m", "atoll.cli", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def test_a_fleet_appears_and_a_failed_zone_turns_red_without_a_reload(server: ServerProcess, site: Site) -> None:
    page = site.open("zones")
    page.evaluate("window.same = true")
    room = page.locator(".room", has_text="local-b")
    apply(server, FLEET.format(name="web"))
    page.wait_for_selector(".fleet >> text=web")
    page.locator(".room .count", has_text="1").nth(2).wait_for()
    room.focus()
    atoll(server, "zone", "fail", "local-b")
    page.wait_for_selector(".room.impaired >> text=local-b")
    shot(page, "zone-failed")
    assert "repeating-linear-gradient" in room.evaluate("(room) => getComputedStyle(room).backgroundImage")
    assert "impaired" in (room.get_attribute("aria-label") or "")
    assert room.evaluate("(room) => room === document.activeElement"), "a change moves the focus"
    page.wait_for_selector(".lanes canvas[aria-label*='local-b outage']")
    atoll(server, "zone", "restore", "local-b")
    page.wait_for_selector(".room.impaired", state="detached")
    assert page.evaluate("window.same")
    assert site.problems == []


def test_an_admin_simulates_an_outage_by_mouse_after_its_name_is_typed(server: ServerProcess, site: Site) -> None:
    page = site.open("zones?zone=local%2Flocal%2Flocal-c")
    page.locator(".room .count", has_text="1").first.wait_for()
    page.click("button >> text=Simulate an outage")
    yes = page.locator("dialog button.do")
    shot(page, "outage-question")
    if page.locator("dialog input").count():
        assert yes.is_disabled()
        page.fill("dialog input", "local-c")
    yes.click()
    page.wait_for_selector(".room.impaired >> text=local-c")
    assert [zone.zone.name for zone in server.client.zones() if zone.state == "impaired"] == ["local-c"]
    page.click("button >> text=End the outage")
    page.wait_for_selector(".room.impaired", state="detached")
    assert site.problems == []


def test_a_log_follows_its_job_into_its_next_attempt(server: ServerProcess, site: Site) -> None:
    apply(server, TASK)
    page = site.open("runs/talk")
    page.wait_for_selector(".log >> text=line 1")
    page.wait_for_selector("h1 >> text=running")
    page.evaluate("document.querySelector('.log').marked = true")
    page.wait_for_selector(".log >> text=line 6")
    assert page.evaluate("document.querySelector('.log').marked")
    assert page.locator(".log >> text=line 1").count() == 1
    page.click("text=Stop the run")
    page.click("dialog button.do")
    page.wait_for_selector("h1 >> text=stopped")
    assert site.problems == []


def test_a_page_survives_a_restart_of_the_server(server: ServerProcess, site: Site) -> None:
    page = site.open("zones")
    page.evaluate("window.same = true")
    server.__exit__()
    page.wait_for_selector(".live.away >> text=no connection")
    shot(page, "away")
    server.__enter__()
    ready(page)
    apply(server, FLEET.format(name="after"))
    page.wait_for_selector(".fleet >> text=after")
    assert page.evaluate("window.same")


def test_a_page_that_missed_too_many_events_loads_the_map_again(server: ServerProcess, site: Site) -> None:
    page = site.open("zones")
    page.evaluate("window.same = true")
    site.context.set_offline(True)
    server.__exit__()
    with closing(sqlite3.connect(server.home / "atoll.db", timeout=10)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(events)")]
        (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
        row = dict(
            zip(columns, connection.execute("SELECT * FROM events WHERE seq = ?", (last,)).fetchone(), strict=True)
        )
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        rows = [tuple((row | {"seq": last + k, "time": now}).values()) for k in range(1, 5_100)]
        connection.executemany(f"INSERT INTO events VALUES ({', '.join('?' * len(columns))})", rows)
    server.__enter__()
    page.wait_for_selector(".live.away")
    with page.expect_response("**/api/projects/main/map"):
        site.context.set_offline(False)
    ready(page)
    assert page.evaluate("window.same")
