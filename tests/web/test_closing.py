"""Zones are closed, drained and opened by mouse, and what a drain would do is shown first, as the terminal says it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from atoll.model.access import Role
from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Site, ready, serious, shot

FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2}}\n"
BUSY = """\
type: task
name: busy
commands: [sleep 600]
fleets: [night]
availability_zones: [local-b]
resources: {cpu: 2}
"""
pytestmark = pytest.mark.long  # a real server's fleet moves between zones, while a browser watches
ZONE = "zones?zone=local%2Flocal%2Flocal-b"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """This machine as three zones, with a fleet over them."""
    process = ServerProcess(tmp_path_factory.mktemp("web") / "home")
    (process.home / "config.yml").write_text("backends: [{type: local}]\n")
    with process:
        apply(process, "web", 6)
        until(lambda: process.client.fleet("web").status == "active" and in_zone(process, "local-b") == 2)
        yield process
        for fleet in process.client.fleets():
            process.client.delete_fleet(fleet.name)
        until(lambda: not process.client.instances())


def apply(server: ServerProcess, name: str, nodes: int) -> None:
    server.client.apply(Submission((SourceFile("page.yml", FLEET.format(name=name, nodes=nodes)),)))


def in_zone(server: ServerProcess, zone: str) -> int:
    return sum(one.zone.name == zone for one in server.client.instances())


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)


def dry_run(server: ServerProcess) -> list[str]:
    """What the terminal says of the same drain."""
    environment = os.environ | {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token}
    command = [sys.executable, "-m", "atoll.cli", "zone", "drain", "local-b", "--dry-run"]
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [line.strip() for line in shown.splitlines()[1:]]


def shown_moves(page: Page) -> list[str]:
    return page.locator("dialog .moves li").all_text_contents()


def test_a_drain_by_mouse_shows_what_the_terminal_shows_and_does_it(server: ServerProcess, site: Site) -> None:
    page = site.open(ZONE)
    page.click(".side button >> text=Drain…")
    page.wait_for_selector("dialog[open] .moves li")
    moves = shown_moves(page)
    assert moves == dry_run(server)
    assert "fleet web replaces web-" in moves[0]
    shot(page, "drain-question")
    assert serious(page) == []
    page.keyboard.press("Escape")
    assert server.client.closures() == [], "a preview changes nothing"

    page.click(".side button >> text=Drain…")
    page.wait_for_selector("dialog[open] .moves li")
    page.select_option("dialog select >> nth=0", "1")
    page.click("dialog button.do")
    page.wait_for_selector(".side button >> text=Open the zone")
    [closure] = server.client.closures()
    assert (closure.operation, closure.zone.name, closure.project) == ("drain", "local-b", "")
    assert 3500 < (closure.until - closure.created_at).total_seconds() <= 3600
    until(lambda: in_zone(server, "local-b") == 0 and len(server.client.instances()) == 6)
    shot(page, "drained")
    page.click(".side button >> text=Open the zone")
    page.click("dialog button.do")
    page.wait_for_selector(".side button >> text=Drain…")
    assert server.client.closures() == []
    assert site.problems == []


def test_what_changed_since_it_was_shown_is_shown_again(server: ServerProcess, site: Site) -> None:
    page = site.open(ZONE)
    page.click(".side button >> text=Drain…")
    page.wait_for_selector("dialog[open] .moves li")
    before = shown_moves(page)
    apply(server, "later", 3)
    until(lambda: server.client.fleet("later").status == "active" and len(server.client.fleet("later").instances) == 3)
    page.click("dialog button.do")
    page.wait_for_selector("dialog[open] >> text=This differs from what was shown")
    assert shown_moves(page) != before
    assert server.client.closures() == []
    page.click("dialog button >> text=Cancel")
    server.client.delete_fleet("later")
    until(lambda: all(fleet.name != "later" for fleet in server.client.fleets()))
    assert site.problems == []


def test_an_evacuation_by_mouse_asks_a_second_time_for_what_it_would_stop(server: ServerProcess, site: Site) -> None:
    apply(server, "night", 3)
    until(lambda: server.client.fleet("night").status == "active" and len(server.client.fleet("night").instances) == 3)
    server.client.apply(Submission((SourceFile("busy.yml", BUSY),)))
    until(lambda: server.client.run("busy").status == "running")
    page = site.open(ZONE)
    page.click(".side button >> text=Evacuate…")
    page.wait_for_selector("dialog[open] .moves li >> text=leaves after run busy, which is stopped at the deadline")
    page.select_option("dialog select >> nth=2", "60")
    page.click("dialog button.do")
    page.wait_for_selector("dialog[open] >> text=Stop what has not left local-b after 1 hour?")
    shot(page, "evacuation-question")
    assert page.locator("dialog button.do").is_disabled()
    page.fill("dialog input", "local-b")
    assert server.client.closures() == [], "nothing happens before both answers"
    page.click("dialog button.do")
    page.wait_for_selector(".side button >> text=Open the zone")
    [closure] = server.client.closures()
    assert closure.operation == "evacuate"
    assert closure.deadline is not None
    assert 3500 < (closure.deadline - closure.created_at).total_seconds() <= 3600
    page.click(".side button >> text=Open the zone")
    page.click("dialog button.do")
    until(lambda: server.client.closures() == [])
    server.client.stop_run("busy", abort=True)
    until(lambda: server.client.run("busy").status == "stopped")
    server.client.delete_fleet("night")
    assert site.problems == []


def test_managers_close_zones_for_their_project_and_users_see_no_button(
    server: ServerProcess, browser: Browser
) -> None:
    server.client.create_user("mia")
    server.client.set_member("mia", Role.USER)
    token = server.client.create_token("page", user="mia").token
    site = Site(browser, server)
    try:
        page = site.blank()
        page.goto(f"{site.address}/web/login")
        page.fill("#page input", token)
        page.keyboard.press("Enter")
        ready(page)
        page = site.open(ZONE, page)
        page.wait_for_selector(".side h2 >> text=local-b")
        assert page.locator(".side button >> text=Drain").count() == 0
        server.client.set_member("mia", Role.MANAGER)
        page.reload()
        ready(page)
        page.click(".side button >> text=Close for new work…")
        assert page.locator("dialog select").count() == 1, "only admins choose the projects"
        page.click("dialog button.do")
        page.wait_for_selector(".side button >> text=Open the zone")
        [closure] = server.client.closures()
        assert (closure.operation, closure.project, closure.actor) == ("cordon", "main", "mia")
        page.click(".side button >> text=Open the zone")
        page.click("dialog button.do")
        page.wait_for_selector(".side button >> text=Drain…")
        assert site.problems == []
    finally:
        site.close()
