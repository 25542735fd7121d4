"""The map of a fixed snapshot: every square, a kept picture, and 100,000 instances."""

import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, Route

from atoll.wire.map import ZoneMap
from tests.server.process import ServerProcess
from tests.web.browser import Site, serious, shot
from tests.web.snapshot import COUNTS, encoded, states_of, zone_map

PICTURE = Path(__file__).with_name("map.png")
KEEP = "ATOLL_KEEP_PICTURE"
SHARE = 0.005
"""The share of the pixels that may differ from the kept picture."""
VISIBLY = 48
"""Of 255: what differs less is the smoothing of an edge."""
SQUARES = """(canvas, count) => {
  const page = getComputedStyle(document.documentElement), context = canvas.getContext("2d");
  const colours = ["--busy", "--idle", "--start", "--end", "--lost"].map((name) => page.getPropertyValue(name).trim());
  const cell = 16, columns = Math.floor((canvas.clientWidth + 1) / cell), found = [];
  for (let k = 0; k < count; k++) {
    const at = context.getImageData((k % columns) * cell + 5, Math.floor(k / columns) * cell + 5, 1, 1).data;
    found.push(colours.indexOf("#" + [...at.slice(0, 3)].map((part) => part.toString(16).padStart(2, "0")).join("")));
  }
  return found;
}"""


@pytest.fixture
def site(browser: Browser, server: ServerProcess) -> Iterator[Site]:
    made = Site(browser, server)
    made.log_in().close()
    yield made
    made.close()


def shown(site: Site, view: ZoneMap, path: str = "zones") -> Page:
    """The page with this map in place of the server's."""

    def answer(route: Route) -> None:
        route.fulfill(body=encoded(view), content_type="application/json")

    page = site.blank()
    page.route("**/api/projects/main/map", answer)
    page.route("**/stream?*", lambda route: route.fulfill(body="retry: 3600000\n\n", content_type="text/event-stream"))
    page.goto(f"{site.address}/#/main/{path}")
    page.wait_for_selector("body[data-ready] .room")
    return page


def picture(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.locator(".map").screenshot())).convert("RGB")


def differing(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ visibly; 1 for pictures of different sizes."""
    if one.size != other.size:
        return 1.0
    channels = ImageChops.difference(one, other).split()
    largest = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    return sum(largest.histogram()[VISIBLY:]) / (one.width * one.height)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_instance_is_a_square_in_the_colour_of_its_state(site: Site, scheme: str) -> None:
    view = zone_map()
    page = shown(site, view)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for label, count in COUNTS.items():
        canvas = page.locator(f".room[aria-label^='Zone {label},'] canvas")
        assert canvas.evaluate(SQUARES, count) == states_of(view, label), label


def test_rooms_say_in_words_what_their_colours_say(site: Site) -> None:
    page = shown(site, zone_map(), "zones?fleet=web")
    for label, text in (
        ("eu-1b", "impaired: the provider reports a loss of power"),
        ("us-2b", "closed until 1 Mar, 17:05: maintenance"),
        ("ap-3a", "f.8x32: no capacity, out until 1 Mar, 17:05"),
    ):
        assert text in (page.locator(f".room[aria-label^='Zone {label},']").get_attribute("aria-label") or "")
    assert page.locator(".fleet .bars i.bad").count() == 3, "each fleet has nodes in the impaired zone"
    assert page.locator(".fleet .bars i.go").count() == 3, "and in the closed one"
    page.wait_for_selector(".side >> text=does not fit")
    shot(page, "snapshot")
    assert serious(page) == []


def test_the_map_looks_as_it_did(site: Site) -> None:
    fonts = subprocess.run(["fc-list"], capture_output=True, text=True, check=False).stdout
    if "Inter" not in fonts and os.environ.get("CI") != "true":
        pytest.skip("the kept picture has the font Inter: apt-get install fonts-inter")
    page = shown(site, zone_map())
    page.locator(".room.impaired").wait_for()
    now = picture(page)
    if os.environ.get(KEEP):
        now.quantize(64).save(PICTURE, optimize=True)
    kept = Image.open(PICTURE).convert("RGB")
    share = differing(now, kept)
    shot(page, "map")
    assert share <= SHARE, f"{share:.2%} of the pixels differ; {KEEP}=1 keeps the new picture"
    other = picture(shown(site, zone_map(impaired="us-2a")))
    assert differing(other, kept) > SHARE, "the comparison does not see another zone in red"


def test_a_hundred_thousand_instances_are_shown_and_scroll(site: Site) -> None:
    view = zone_map(times=472)
    assert len(view.instances.id) > 100_000
    page = shown(site, view)
    page.locator(".totals", has_text="100,064 instances").wait_for()
    last = page.locator(".room").last
    last.scroll_into_view_if_needed()
    assert page.evaluate("document.querySelector('.middle').scrollTop") > 0
    shot(page, "hundred-thousand")
    assert page.evaluate("document.querySelectorAll('*').length") < 1_000
