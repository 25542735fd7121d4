"""`python -m tests.web.pictures`: the pictures of the README, taken from a real server on the fake cloud."""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from atoll.wire.api import JobView, SourceFile, Submission
from tests.server.process import ServerProcess
from tests.web.browser import Site, chromium

IMAGES = Path("docs/images")
CONFIG = """\
backends:
- type: fake
  regions: 6
  not_offered: {fake-1a: [f.16x64], fake-3c: [f.16x64]}
  states: {fake-4b: {state: drained, reason: maintenance}}
"""
FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nplacement: spread\nregions: [{where}]\nresources: {{cpu: {cpu}}}\n"
FLEETS = (
    ("web", 150, "fake-1, fake-2, fake-3", 2),
    ("train", 48, "fake-2, fake-5", 8),
    ("ingest", 90, "fake-1, fake-4, fake-6", 4),
    ("cache", 36, "fake-1, fake-3, fake-4, fake-6", 2),
)
RUN = """\
type: task
name: {name}
nodes: {nodes}
fleets: [{fleet}]
commands: [work]
retry: true
env: {{FAKE_SECONDS: '3600'}}
"""
RUNS = (("serve", 110, "web"), ("llm-7b", 32, "train"), ("crawl", 50, "ingest"))
PLAN = """\
type: fleet
name: render
nodes: 24
placement: spread
regions: [fake-1, fake-2, fake-3]
resources:
  cpu: 16
"""


def main() -> int:
    """Take the pictures."""
    with tempfile.TemporaryDirectory(prefix="atoll-pictures-") as folder, chromium() as browser:
        server = ServerProcess(Path(folder) / "home")
        (server.home / "config.yml").write_text(CONFIG)
        with server:
            _fill(server)
            site = Site(browser, server, viewport={"width": 1440, "height": 720})
            page = site.log_in()
            server.client.fail_zone(next(one.zone for one in server.client.zones() if one.zone.name == "fake-2b"))
            page.wait_for_selector(".room.impaired")
            page.wait_for_selector(".room.impaired .count >> text=/^0$/")  # what was there is placed elsewhere
            _wait(lambda: all(job.submission and job.status == "running" for job in _jobs(server, "serve")))
            page.goto(f"{site.address}/#/main/zones?fleet=web&zone=fake%2Ffake-2%2Ffake-2b")
            page.wait_for_selector(".room.on")
            _save(page, "zones")
            page.emulate_media(color_scheme="dark")
            page.goto(f"{site.address}/#/main/plan")
            page.fill("textarea", PLAN)
            page.press("textarea", "Control+Enter")
            page.wait_for_selector(".room.placed")
            _save(page, "plan")
    return 0


def _fill(server: ServerProcess) -> None:
    client = server.client
    fleets = [FLEET.format(name=name, nodes=nodes, where=where, cpu=cpu) for name, nodes, where, cpu in FLEETS]
    client.apply(Submission((SourceFile("fleets.yml", "---\n".join(fleets)),)))
    _wait(lambda: all(instance.status == "idle" for fleet in client.fleets() for instance in fleet.instances))
    runs = [RUN.format(name=name, nodes=nodes, fleet=fleet) for name, nodes, fleet in RUNS]
    client.apply(Submission((SourceFile("runs.yml", "---\n".join(runs)),)))
    _wait(lambda: all(run.status == "running" for run in client.runs()))


def _jobs(server: ServerProcess, run: str) -> tuple[JobView, ...]:
    return server.client.run(run).jobs


def _wait(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 180
    while not done():
        if time.monotonic() > limit:
            raise RuntimeError("the server takes too long")
        time.sleep(0.2)


def _save(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(700)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(IMAGES / f"{name}.png", optimize=True)
    sys.stdout.write(f"{IMAGES / name}.png\n")


if __name__ == "__main__":
    sys.exit(main())
