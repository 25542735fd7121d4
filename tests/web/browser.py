"""Debian's chromium under playwright: pages that record what the console shows and which hosts they load from."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.server.process import ServerProcess

CHROMIUM = shutil.which("chromium") or ""
MISSING = "" if CHROMIUM else "the pages are shown by Debian's chromium: apt-get install chromium fonts-inter"
WAIT_MS = 30_000
FOREIGN = "rebound.example"
"""A name that leads to this machine and is none of the server's, as in an attack by DNS rebinding."""
ARGUMENTS = [
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--font-render-hinting=none",
    f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1",
]

OVERFLOW = """Math.max(...[document.scrollingElement, ...document.querySelectorAll("main, main > div, .middle, .side")]
  .map((part) => part.scrollWidth - part.clientWidth))"""

Scheme = Literal["light", "dark"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; without its sandbox where root runs it, which chromium requires."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_arguments())
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def without_cookies(browser: Browser, profile: Path) -> Iterator[Page]:
    """A page of a browser whose settings block cookies."""
    (profile / "Default").mkdir(parents=True)
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default" / "Preferences").write_text(json.dumps(settings))
    context = browser.browser_type.launch_persistent_context(profile, executable_path=CHROMIUM, args=_arguments())
    try:
        yield context.new_page()
    finally:
        context.close()


def _arguments() -> list[str]:
    return [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS


class Site:
    """A server's pages in one browser session. `problems` are the console's errors and warnings, uncaught exceptions,
    and requests to other hosts, in the order in which they came; `loaded` are the requests without their query."""

    def __init__(self, browser: Browser, server: ServerProcess, **options: Any) -> None:
        self.server = server
        self.address = server.address
        self.problems: list[str] = []
        self.loaded: list[str] = []
        given = {"viewport": {"width": 1440, "height": 900}, "timezone_id": "Europe/Berlin"} | options
        self.context: BrowserContext = browser.new_context(**given)
        self.context.set_default_timeout(WAIT_MS)

    def close(self) -> None:
        """End the browser session with all its pages."""
        self.context.close()

    def blank(self) -> Page:
        """A new page that is watched and shows nothing yet."""
        page = self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._request(request.url))
        return page

    def log_in(self, page: Page | None = None) -> Page:
        """Open the page with a new code, as `atoll web` does."""
        page = page or self.blank()
        page.goto(f"{self.address}/web/login#{self.server.client.web_code().code}")
        return ready(page)

    def open(self, path: str, page: Page | None = None) -> Page:
        """Load a page of the project by its address, such as `zones?fleet=web`."""
        page = page or self.blank()
        page.goto("about:blank")
        page.goto(f"{self.address}/#/main/{path}")
        return ready(page)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        self.loaded.append(parts.path)
        if parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" != self.address:
            self.problems.append(f"another host: {url}")


def ready(page: Page) -> Page:
    """Wait until the page has painted and follows the changes."""
    page.wait_for_selector("body[data-ready] #live:has(i):not(.away)")
    return page


def overflow(page: Page) -> int:
    """By how many pixels the page, or a part of it that is no table, is too wide; 0 for a page that fits."""
    return int(page.evaluate(OVERFLOW))


def serious(page: Page) -> list[str]:
    """axe's findings of serious or critical impact, each with the element that it names."""
    page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate("axe.run({resultTypes: ['violations']}).then((all) => all.violations)")
    return [
        f"{one['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def shot(page: Page, name: str) -> None:
    """Save a picture under the folder that ATOLL_TEST_PICTURES names, to look at; nothing without it."""
    folder = os.environ.get("ATOLL_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder, re.sub(r"[^\w-]+", "-", name) + ".png"))
