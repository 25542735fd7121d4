"""The plan page: where a file would go, why not elsewhere, and what is wrong with it, in the words of `atoll plan`."""

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Site, overflow, serious, shot

FITS = (
    "type: fleet\nname: web\nnodes: 2\nplacement: spread\navailability_zones: [fake-1a, fake-1b]\nresources: {cpu: 2}\n"
)
TOO_LARGE = "type: fleet\nname: giant\nnodes: 40\nplacement: spread\nresources: {cpu: 16}\n"
WRONG = "type: fleet\nname: web\nnodes: 2\nzone: [fake-1z]\n"


def planned(site: Site, text: str) -> Page:
    page = site.open("plan")
    page.fill("textarea", text)
    page.press("textarea", "Control+Enter")
    page.wait_for_selector(".result > *")
    return page


def squeezed(text: str) -> str:
    """Without spaces, line ends, the frames of tables, and the marks of code."""
    return "".join(part for part in text if part.isalnum() or part in "$.,:%")


def test_a_plan_is_drawn_on_the_map_and_each_other_zone_has_its_reason(site: Site) -> None:
    page = planned(site, FITS)
    page.wait_for_selector(".result h3 >> text=Fits")
    for zone in ("fake-1a", "fake-1b"):
        page.wait_for_selector(f".room.placed[aria-label*='{zone}'] >> text=+1 node, $0.10/h")
    page.wait_for_selector(".room.refused[aria-label*='fake-1c']")
    assert serious(page) == []
    for width in (390, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"planned-{width}")
        assert overflow(page) == 0, width
    assert site.server.client.fleets() == [], "a plan creates nothing"
    assert site.problems == []


def test_reasons_and_cures_are_those_of_the_command_line(site: Site, server: ServerProcess, tmp_path: Path) -> None:
    page = planned(site, TOO_LARGE)
    page.wait_for_selector(".result h3 >> text=Does not fit")
    shot(page, "does-not-fit")
    (document,) = server.client.plan(Submission((SourceFile("f.yml", TOO_LARGE),))).plan.documents
    assert document.shortfall is not None
    shown = squeezed(page.inner_text(".result"))
    for text in (
        document.shortfall.message,
        *(cure.message for cure in document.shortfall.cures),
        *(refusal.message for refusal in document.refusals),
    ):
        assert squeezed(text) in shown
    rooms = page.locator(".room")
    assert rooms.count() == 3
    for refusal in document.refusals:
        room = page.locator(f".room[aria-label*='{refusal.scope.zone}']")
        assert squeezed(refusal.message) in squeezed(room.inner_text())
    (tmp_path / "giant.atoll.yml").write_text(TOO_LARGE)
    environment = os.environ | {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token, "COLUMNS": "300"}
    command = [sys.executable, "-m", "atoll.cli", "plan", "-f", str(tmp_path / "giant.atoll.yml")]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert squeezed(document.shortfall.message) in squeezed(printed.stdout + printed.stderr)


def test_a_file_is_picked_and_its_errors_name_their_places(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "wrong.atoll.yml"
    path.write_text(WRONG)
    page = site.open("plan")
    page.set_input_files("input[type=file]", path)
    page.wait_for_selector(".result .card")
    text = page.inner_text(".result")
    assert "wrong.atoll.yml:4:1" in text
    assert page.input_value("textarea") == WRONG
    shot(page, "wrong")
    assert serious(page) == []
