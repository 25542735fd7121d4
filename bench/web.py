"""What the page costs its browser and its server with 10,000 and 100,000 instances in 30 zones.

Method. A real server on the fake cloud runs 10,000 instances in 10 regions of 3 zones. *To the painted frame* is the
time from the start of the page's own script to the second frame after the map was drawn, in a new browser session
each time (no cache); 100,000 instances are the same map with every instance ten times, handed to the page in place of
the server's answer. *CPU of the page's thread* counts from the first request, and does not grow on a busy machine. *A
change* is the page's script for 20 instances that change their state, without the browser's own painting. *The
server's CPU* is user plus system time over ten seconds in which events of 20 instances a second are written to the
database and a request twice a second makes the server notice them: with viewers less without. The viewers read the
same stream as a page. *Zone failed to red* is from the request's start to the page's next frame with the zone's room
in red. Sizes are what is sent, compressed.
"""

import http.client
import json
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, ViewportSize, sync_playwright

from atoll.fronts.web import assets
from bench.installation import Installation, installation
from bench.measure import Measure
from bench.process import Server, cpu_seconds

INSTANCES = 10_000
LOADS, CHANGES = 5, 50
SETTLE_SECONDS = 60
"""Until the engine has no more work after the launches."""
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}
CHANGES_EACH_SECOND, WATCHED_SECONDS, ROUNDS = 20, 10.0, 5
PAINTED = "performance.getEntriesByName('painted')[0].startTime - performance.getEntriesByName('started')[0].startTime"
CHANGE = """async (states) => {
  const { app } = await import(document.querySelector("script[type=module]").src);
  const { store } = app, some = [...store.at.values()].slice(0, 5000).filter((_, k) => k % 250 === 0);
  const times = [];
  for (const state of states) {
    const same = { seq: store.seq, gone: [], lost: [], zones: null, fleets: null, volumes: null, waiting: null };
    const change = { ...same, instances: {
      zones: store.zones.map((zone) => zone.key), fleets: store.fleets.map((fleet) => fleet.id), runs: [], types: [""],
      id: some.map((i) => store.id[i]), zone: some.map((i) => store.zone[i]), fleet: some.map((i) => store.fleet[i]),
      node: some.map((i) => store.node[i]), state: some.map(() => state), run: some.map(() => -1),
      type: some.map(() => 0), price: some.map((i) => store.price[i]) } };
    const began = performance.now();
    app.page.changed(store.apply(change));
    times.push(performance.now() - began);
    await new Promise(requestAnimationFrame);
  }
  return times;
}"""
EVENT = (
    "INSERT INTO events (project, time, kind, subject, name, from_state, to_state, reason, message) "
    "SELECT project, ?, 'instance', id, id, 'active', 'active', '', '' "
    "FROM instances WHERE state = 'active' LIMIT ? OFFSET ?"
)


def measures() -> Iterator[Measure]:
    """All figures of the page."""
    yield from _sizes()
    with ExitStack() as stack:
        place = stack.enter_context(installation(launch=0))
        server = place.start()
        place.apply(INSTANCES)
        place.wait_active(INSTANCES)
        browser = stack.enter_context(_chromium())
        for copies, name, reach in ((1, "10,000", 500), (10, "100,000", 1500)):
            walls, threads = zip(*(_load(browser, server, copies) for _ in range(LOADS)), strict=True)
            yield Measure(f"{name} instances, script to painted frame", walls, "ms", reach)
            yield Measure(f"{name} instances, CPU of the page's thread", threads, "ms", reach)
        with closing(browser.new_page(viewport=VIEWPORT)) as page:
            _log_in(page, server)
            times: list[float] = page.evaluate(CHANGE, [number % 4 for number in range(CHANGES)])
            yield Measure("10,000 instances, a change", tuple(times), "ms", 16)
        yield from _viewers(place, server)
        with closing(browser.new_page(viewport=VIEWPORT)) as page:
            _log_in(page, server)
            yield Measure("zone failed to red", (_failure(page, server),), "ms", 2000)


def _sizes() -> Iterator[Measure]:
    files = assets.load()
    total = len(files.page.compressed) + sum(len(file.compressed) for file in files.files.values())
    yield Measure("page with all its files, compressed", (total / 1000,), "KB", 40)


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        if path is None:
            raise RuntimeError("the page is measured in chromium: apt-get install chromium")
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--no-proxy-server"])


def _log_in(page: Page, server: Server, times: int = 1) -> Page:
    def multiply(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(body=json.dumps(_multiplied(answer.json(), times)), content_type="application/json")

    if times > 1:
        page.route("**/api/projects/main/map", multiply)
    code = server.client.web_code()
    page.goto(f"{code.address}/web/login#{code.code}")
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    return page


def _multiplied(view: dict[str, Any], times: int) -> dict[str, Any]:
    columns = view["instances"]
    for name in ("zone", "fleet", "node", "state", "run", "type", "price"):
        columns[name] *= times
    columns["id"] = [f"{id}-{copy}" for copy in range(times) for id in columns["id"]]
    return view


def _load(browser: Browser, server: Server, times: int) -> tuple[float, float]:
    """Milliseconds from the script's start to the painted frame, and of its thread's CPU from the first request."""
    with closing(browser.new_page(viewport=VIEWPORT)) as page:
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        _log_in(page, server, times)
        found = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
        return float(page.evaluate(PAINTED)), found["TaskDuration"] * 1000


def _viewers(place: Installation, server: Server) -> Iterator[Measure]:
    database = server.home / "atoll.db"
    time.sleep(SETTLE_SECONDS)
    rounds = [[_share(server, database, count) for count in (0, 1, 20)] for _ in range(ROUNDS)]
    for at, (count, reach) in enumerate(((1, 5.0), (20, 10.0)), start=1):
        samples = tuple(shares[at] - shares[0] for shares in rounds)
        yield Measure(f"server's CPU, 20 changes/s, viewers: {count}", samples, "%", reach)


def _share(server: Server, database: Path, viewers: int) -> float:
    """The server's share of one CPU, in percent, while there are changes and this many viewers."""
    ended = threading.Event()
    threads = [threading.Thread(target=_view, args=(server, ended), daemon=True) for _ in range(viewers)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    before, began = cpu_seconds(server.pid), time.monotonic()
    while time.monotonic() < began + WATCHED_SECONDS:
        with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            some = random.randrange(INSTANCES - CHANGES_EACH_SECOND)
            connection.execute(EVENT, (now, CHANGES_EACH_SECOND // 2, some))
        server.client.set_secret("BENCH", "x")
        time.sleep(0.5)
    share = (cpu_seconds(server.pid) - before) / (time.monotonic() - began) * 100
    ended.set()
    server.client.set_secret("BENCH", "y")  # the viewers wait for a message
    for thread in threads:
        thread.join()
    return share


def _view(server: Server, ended: threading.Event) -> None:
    """Read the stream as a page does, until its next message after the end."""
    parts = urlsplit(server.client.web_code().address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request(
        "GET", "/api/projects/main/stream?after=2147483647", headers={"Authorization": f"Bearer {server.place.token}"}
    )
    answer = connection.getresponse()
    while not ended.is_set() and answer.readline():
        pass
    connection.close()


def _failure(page: Page, server: Server) -> float:
    zone = server.client.zones()[0].zone
    began = time.monotonic()
    server.client.fail_zone(zone)
    page.wait_for_selector(".room.impaired", timeout=30_000)
    return (time.monotonic() - began) * 1000
