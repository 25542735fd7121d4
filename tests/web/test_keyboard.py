"""The page by keyboard alone, and by its addresses."""

import pytest
from playwright.sync_api import Page

from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Site, shot

FILE = """\
type: fleet
name: web
nodes: 12
placement: spread
resources: {cpu: 2}
---
type: volume
name: lake
backend: fake
region: fake-1
size: 100GB
"""
ZONES = ("fake-1a", "fake-1b", "fake-1c")


@pytest.fixture(scope="module", autouse=True)
def _applied(server: ServerProcess) -> None:
    server.client.apply(Submission((SourceFile("all.yml", FILE),)))


def focused(page: Page) -> str:
    """The accessible name, or else the text, of what has the focus."""
    return str(page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent"))


def address(page: Page) -> str:
    return str(page.evaluate("decodeURIComponent(location.hash)"))


def filled(site: Site, path: str = "zones") -> Page:
    page = site.open(path)
    page.locator(".totals", has_text="12 instances").wait_for()
    return page


def test_tab_reaches_every_page_fleet_and_zone(site: Site) -> None:
    page = filled(site)
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(focused(page).strip())
    for name in ("Zones", "Runs", "Fleets", "Volumes", "Plan", "Events", "Skip to the page"):
        assert name in reached
    for zone in ZONES:
        assert any(text.startswith(f"Zone {zone}") for text in reached), zone
    assert any(text.startswith("web") for text in reached)


def test_enter_selects_a_zone_arrows_its_instances_and_escape_clears(site: Site) -> None:
    page = filled(site)
    page.locator(".room", has_text="fake-1b").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".side h2 >> text=fake-1b")
    assert address(page) == "#/main/zones?zone=fake/fake-1/fake-1b"
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".side p >> text=instance")
    first = page.inner_text(".side h2")
    page.keyboard.press("ArrowRight")
    page.locator(".side h2", has_text=first).wait_for(state="detached")
    second = page.inner_text(".side h2")
    shot(page, "instance")
    page.keyboard.press("ArrowLeft")
    page.locator(".side h2", has_text=second).wait_for(state="detached")
    assert page.inner_text(".side h2") == first
    page.keyboard.press("Escape")
    page.wait_for_selector(".side h2 >> text=All zones")
    assert address(page) == "#/main/zones"
    assert focused(page).startswith("Zone fake-1b")


def test_slash_finds_zones_fleets_and_instances(site: Site) -> None:
    page = filled(site)
    for name, found in (
        ("fake-1c", "zone=fake/fake-1/fake-1c"),
        ("web", "fleet=web"),
        ("web-3", "instance="),
    ):
        page.keyboard.press("/")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_selector(f".side >> text={name}")
        assert found in address(page)
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.wait_for_selector(".side h2 >> text=All zones")


def test_the_table_has_all_facts_of_the_map(site: Site) -> None:
    page = filled(site)
    page.keyboard.press("t")
    page.wait_for_selector(".middle table")
    rows = {row.split("\t")[0]: row for row in page.inner_text(".middle tbody").splitlines()}
    assert set(rows) == set(ZONES)
    assert sum(int(row.split("\t")[5]) for row in rows.values()) == 12
    assert sum("lake" in row for row in rows.values()) == 1
    page.keyboard.press("t")
    page.wait_for_selector(".room")
    assert site.problems == []


def test_every_selection_is_a_link(site: Site) -> None:
    page = filled(site)
    page.click(".fleet >> text=web")
    page.wait_for_selector(".fleet[aria-pressed=true]")
    page.locator(".room h3", has_text="fake-1a").click()
    page.wait_for_selector(".room.on")
    page.keyboard.press("t")
    page.wait_for_selector(".middle table")
    link = page.evaluate("location.hash")
    fresh = site.open(link.removeprefix("#/main/"))
    fresh.wait_for_selector(".middle table")
    fresh.wait_for_selector(".fleet[aria-pressed=true] >> text=web")
    fresh.wait_for_selector(".side h2 >> text=fake-1a")
    fresh.go_back()
    page.go_back()
    page.wait_for_selector(".room.on")
