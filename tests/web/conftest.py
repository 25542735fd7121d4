"""One browser for this folder, which ends with it, and one server with three zones for each module."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.server.process import ServerProcess
from tests.web.browser import MISSING, Site, chromium

HERE = Path(__file__).parent
CONFIG = "backends: [{type: fake, cpus: 32}]\n"
"""Three zones without machines, each of which soon has no more capacity."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MISSING and os.environ.get("CI") != "true":
        for item in items:
            if item.path.parent == HERE and "browser" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("web") / "home")
    (process.home / "config.yml").write_text(CONFIG)
    with process:
        yield process


@pytest.fixture(scope="module")
def session(browser: Browser, server: ServerProcess) -> Iterator[Site]:
    """A browser session that is logged in."""
    made = Site(browser, server)
    made.log_in().close()
    yield made
    made.close()


@pytest.fixture
def site(session: Site) -> Iterator[Site]:
    """The same session, with nothing recorded yet; its pages are closed after the test."""
    session.problems.clear()
    session.loaded.clear()
    yield session
    for page in session.context.pages:
        page.close()
