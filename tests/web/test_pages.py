"""Every page: complete in three widths and both schemes, with an empty console and no serious finding of axe."""

import gzip
import time
from typing import get_args

import httpx
import pytest

from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Scheme, Site, overflow, ready, serious, shot

WIDTHS = (390, 1024, 1440)
FILE = """\
type: fleet
name: web
nodes: 6
placement: spread
resources: {cpu: 2}
---
type: volume
name: lake
backend: fake
region: fake-1
size: 100GB
---
type: task
name: train
commands: [work]
env: {FAKE_SECONDS: "600"}
resources: {cpu: 4}
---
type: fleet
name: large
nodes: 3
placement: spread
resources: {cpu: 16}
"""
WAITING = """\
type: fleet
name: later
nodes: 3
resources: {cpu: 16}
retry: {on_events: [no-capacity]}
"""
PAGES = {
    "zones": ".room",
    "zones?zone=fake%2Ffake-1%2Ffake-1a&fleet=web": ".side.open .mini",
    "zones?view=table": ".middle table",
    "plan": "textarea",
    "what-if?zone=fake%2Ffake-1%2Ffake-1b": ".result .moves li",
    "what-if?all=1": ".result table",
    "runs": "table",
    "runs/train": "table",
    "fleets": "table",
    "volumes": "table",
    "events": "table",
}


@pytest.fixture(scope="module", autouse=True)
def _applied(server: ServerProcess) -> None:
    client = server.client
    client.apply(Submission((SourceFile("all.yml", FILE),)))
    limit = time.monotonic() + 20
    while not all(fleet.status == "active" for fleet in client.fleets()) and time.monotonic() < limit:
        time.sleep(0.05)
    client.apply(Submission((SourceFile("waiting.yml", WAITING),)))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_complete_in_every_width_and_scheme(site: Site, path: str) -> None:
    page = site.open(path)
    page.wait_for_selector(PAGES[path])
    for scheme in get_args(Scheme):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            shot(page, f"{path}-{scheme}-{width}")
            assert overflow(page) == 0, (scheme, width)
        assert serious(page) == [], scheme
    assert site.problems == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_log_in_is_complete_in_every_width(site: Site, width: int) -> None:
    stranger = Site(site.context.browser, site.server, viewport={"width": width, "height": 700})  # type: ignore[arg-type]
    try:
        page = stranger.blank()
        page.goto(stranger.address)
        page.wait_for_selector("form.login")
        shot(page, f"login-{width}")
        assert overflow(page) == 0
        assert serious(page) == []
        assert stranger.problems == []
    finally:
        stranger.close()


def test_the_page_is_small_and_comes_from_its_own_server(site: Site) -> None:
    page = site.log_in()
    start = set(site.loaded)
    for path, content in PAGES.items():
        page.goto(f"{site.address}/#/main/{path}")
        page.wait_for_selector(content)
    assert site.problems == []
    assert weight(site, start) <= 40_000
    assert weight(site, set(site.loaded)) <= 150_000


def weight(site: Site, paths: set[str]) -> int:
    """Bytes of these files as they are sent: compressed."""
    total = 0
    for path in paths:
        if path == "/web/login" or path.startswith("/web/static/"):
            body = httpx.get(site.address + path).content
            total += len(gzip.compress(body, 9))
    return total


def test_times_are_in_the_viewer_s_zone_with_utc_on_hover(site: Site) -> None:
    page = site.open("events")
    time = page.wait_for_selector("tbody time")
    assert time is not None
    iso, title = time.get_attribute("datetime"), time.get_attribute("title")
    assert iso is not None
    assert title == iso[:19].replace("T", " ") + " UTC"
    utc_hour, shown_hour = int(iso[11:13]), int(time.inner_text()[:2])
    assert (shown_hour - utc_hour) % 24 in (1, 2)  # Berlin, in winter and in summer


def test_an_empty_project_shows_what_to_do_first(site: Site) -> None:
    site.server.client.create_project("empty")
    page = site.log_in()
    page.goto(f"{site.address}/#/empty/zones")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_selector("text=Nothing runs yet")
        shot(page, f"empty-{width}")
    assert "train" not in page.inner_text("main")
    for path in ("runs", "fleets", "volumes"):
        page.goto(f"{site.address}/#/empty/{path}")
        page.wait_for_selector("main p >> text=atoll apply")
    assert serious(ready(page)) == []
    assert site.problems == []
