"""The what-if page: the loss of a zone, or its closing, in the words of `atoll what-if`, and nothing changes."""

import os
import subprocess
import sys
import time

import pytest

from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Site, overflow, serious, shot

FILE = "type: fleet\nname: web\nnodes: 6\nplacement: spread\nresources: {cpu: 2}\n"
ZONE = "fake%2Ffake-1%2Ffake-1b"


@pytest.fixture(scope="module", autouse=True)
def _applied(server: ServerProcess) -> None:
    server.client.apply(Submission((SourceFile("web.yml", FILE),)))
    limit = time.monotonic() + 60
    while server.client.fleet("web").status != "active":
        assert time.monotonic() < limit
        time.sleep(0.05)


def printed(server: ServerProcess, *arguments: str) -> list[str]:
    """What the terminal says to the same question."""
    environment = os.environ | {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token}
    command = [sys.executable, "-m", "atoll.cli", "what-if", *arguments]
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [line.strip() for line in shown.splitlines()]


def test_the_loss_of_a_zone_is_said_as_in_the_terminal_and_drawn_on_the_map(site: Site, server: ServerProcess) -> None:
    page = site.open(f"zones?zone={ZONE}")
    page.click(".side a >> text=What if it is lost?")
    page.wait_for_selector(".result .moves li")
    assert page.locator(".result .moves li").all_text_contents() == printed(server, "--lose", "fake-1b")
    page.wait_for_selector(".room.placed[aria-label*='fake-1a'] >> text=+1 node")
    page.wait_for_selector(".room.refused[aria-label*='fake-1b'] >> text=lost")
    assert serious(page) == []
    for width in (390, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"what-if-{width}")
        assert overflow(page) == 0, width
    assert {fleet.status for fleet in server.client.fleets()} == {"active"}, "nothing changes"
    assert site.problems == []


def test_a_zone_that_is_closed_and_all_zones_have_addresses_of_their_own(site: Site, server: ServerProcess) -> None:
    page = site.open(f"what-if?zone={ZONE}&assume=closed")
    page.wait_for_selector(".result .moves li")
    assert page.locator(".result .moves li").all_text_contents() == printed(server, "--close", "fake-1b")
    page.click("button >> text=Compare all zones")
    page.wait_for_selector(".result table")
    assert page.locator(".result tbody tr").count() == 3
    page.click(".result tbody a >> text=fake-1c")
    page.wait_for_selector(".result h3 >> text=If fake-1c is lost")
    assert site.problems == []


def test_an_unknown_zone_in_the_address_says_so(site: Site) -> None:
    page = site.open("what-if?zone=fake%2Ffake-1%2Ffake-9z")
    page.wait_for_selector(".result >> text=This zone is not known.")
    assert site.problems == []
