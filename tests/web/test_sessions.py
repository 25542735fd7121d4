"""Bad codes, tokens, hosts and browsers: each has its answer on the page, and none shows what is not the user's."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from atoll.client import Client
from atoll.model.access import Role
from tests.server.process import ServerProcess
from tests.web.browser import FOREIGN, Site, ready, without_cookies


@pytest.fixture
def stranger(browser: Browser, server: ServerProcess) -> Iterator[Site]:
    """A browser without a session."""
    made = Site(browser, server)
    yield made
    made.close()


def refused(page: Page, text: str) -> None:
    """The page shows the log-in with this message, and nothing of a project."""
    page.wait_for_selector(f"form.login [role=alert] >> text={text}")
    assert page.locator("nav a").count() == 0
    assert not page.locator("#project").is_visible()


def change(server: ServerProcess, statement: str, *values: str) -> None:
    """Change the server's database behind its back, as if time had passed."""
    with closing(sqlite3.connect(server.home / "atoll.db", timeout=10)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def past(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S.%f")


def test_a_wrong_a_used_and_an_expired_code_lead_to_the_log_in(server: ServerProcess, stranger: Site) -> None:
    page = stranger.blank()
    page.goto(f"{stranger.address}/web/login#guess")
    refused(page, "the code is wrong, expired, or was used already")
    assert "guess" not in page.url
    code = server.client.web_code().code
    change(server, "UPDATE login_codes SET until = ?", past(1))
    page.goto(f"{stranger.address}/web/login#{code}")
    page.reload()
    refused(page, "the code is wrong, expired, or was used already")


def test_a_code_works_once(server: ServerProcess, browser: Browser, stranger: Site) -> None:
    code = server.client.web_code().code
    page = stranger.blank()
    page.goto(f"{stranger.address}/web/login#{code}")
    ready(page)
    assert code not in page.url
    thief = Site(browser, server)
    try:
        other = thief.blank()
        other.goto(f"{thief.address}/web/login#{code}")
        refused(other, "the code is wrong, expired, or was used already")
    finally:
        thief.close()


def test_a_link_survives_the_log_in(server: ServerProcess, stranger: Site) -> None:
    page = stranger.blank()
    page.goto(f"{stranger.address}/#/main/zones?zone=fake%2Ffake-1%2Ffake-1b")
    page.fill("form.login input", "no such token")
    page.press("form.login input", "Enter")
    refused(page, "the token is missing or wrong")
    page.fill("form.login input", server.token)
    page.click("form.login button")
    page.wait_for_selector(".side h2 >> text=fake-1b")


@pytest.mark.parametrize("idle", [False, True], ids=["revoked", "idle"])
def test_a_page_whose_session_ended_shows_the_log_in_and_comes_back(
    server: ServerProcess, stranger: Site, idle: bool
) -> None:
    issued = server.client.create_token("page")
    page = stranger.blank()
    page.goto(stranger.address)
    page.fill("form.login input", issued.token)
    page.press("form.login input", "Enter")
    ready(page)
    if idle:
        change(server, "UPDATE sessions SET seen_at = ?", past(13))
    else:
        server.client.revoke_token(issued.view.prefix)
    page.wait_for_timeout(2_100)  # as long as the server believes what it looked up
    server.client.set_secret(f"NEWS_{idle}".upper(), "x")  # an event of the project: the open stream ends
    page.wait_for_selector("form.login")
    assert not page.locator("#project").is_visible()
    page.fill("form.login input", server.token)
    page.press("form.login input", "Enter")
    page.wait_for_selector(".room")
    ready(page)


def test_another_host_name_is_refused(server: ServerProcess, stranger: Site) -> None:
    port = stranger.address.rsplit(":", 1)[1]
    answer = stranger.blank().goto(f"http://{FOREIGN}:{port}/")
    assert answer is not None
    assert answer.status == 421
    assert "wrong-host" in answer.text()


def test_a_browser_without_cookies_is_named_as_the_cause(
    server: ServerProcess, browser: Browser, tmp_path: Path
) -> None:
    with without_cookies(browser, tmp_path / "profile") as page:
        page.goto(f"{server.address}/web/login#{server.client.web_code().code}")
        refused(page, "This page needs cookies")


def test_a_user_sees_no_button_for_what_only_admins_may(server: ServerProcess, browser: Browser) -> None:
    admin = server.client
    admin.create_user("ada")
    issued = admin.create_token("ada", user="ada")
    site = Site(browser, server)
    try:
        page = site.blank()
        page.goto(f"{site.address}/#/main/zones?zone=fake%2Ffake-1%2Ffake-1b")
        page.fill("form.login input", issued.token)
        page.press("form.login input", "Enter")
        page.wait_for_selector("text=You are in no project yet")
        assert "fake-1b" not in page.content()
        admin.create_project("ours")
        Client(admin.address, server.token, "ours").set_member("ada", Role.USER)
        page.goto(f"{site.address}/#/ours/zones?zone=fake%2Ffake-1%2Ffake-1b")
        page.reload()
        page.wait_for_selector(".side h2 >> text=fake-1b")
        assert page.locator("text=Simulate an outage").count() == 0
        page.goto(f"{site.address}/#/main/zones")
        page.wait_for_selector("main >> text=main")
        assert page.locator(".room").count() == 0
    finally:
        site.close()
