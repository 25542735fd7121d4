"""The web page's server side, on a real server: sessions, what other pages may not do, the map and its stream."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.process import ServerProcess

FLEET = "type: fleet\nname: web\nnodes: 3\nplacement: spread\nresources: {cpu: 2}\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("web") / "home") as process:
        yield process


class Browser:
    """A browser's requests: its cookie, the origin of the page, and the CSRF value that the page knows."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.Client(base_url=address, timeout=20)
        self.csrf = ""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        given = {"origin": self.address, "atoll-csrf": self.csrf} | headers
        return self.http.request(method, path, json=body, headers={k: v for k, v in given.items() if v})

    def log_in(self, code: str) -> httpx.Response:
        answer = self.send("POST", "/web/session", {"code": code})
        if answer.status_code == 201:
            self.csrf = answer.json()["csrf"]
        return answer


@pytest.fixture
def stranger(server: ServerProcess) -> Iterator[Browser]:
    """A browser without a session."""
    made = Browser(server.address)
    with made.http:
        yield made


@pytest.fixture
def browser(server: ServerProcess) -> Iterator[Browser]:
    """A browser with the session of an admin."""
    made = Browser(server.address)
    with made.http:
        assert made.log_in(server.client.web_code().code).status_code == 201
        yield made


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_a_code_opens_one_session_and_a_second_use_is_refused(server: ServerProcess, stranger: Browser) -> None:
    code = server.client.web_code().code
    answer = stranger.log_in(code)
    assert answer.json()["user"] == "admin"
    assert answer.json()["projects"] == {"main": "manager"}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert code_of(stranger.log_in(code)) == (401, "wrong-code")
    assert code_of(stranger.log_in("guess")) == (401, "wrong-code")


def test_a_token_opens_a_session_and_a_wrong_one_does_not(server: ServerProcess, stranger: Browser) -> None:
    assert stranger.send("POST", "/web/session", {"token": server.token}).status_code == 201
    assert code_of(stranger.send("POST", "/web/session", {"token": "no"})) == (401, "unauthorized")
    assert code_of(stranger.send("POST", "/web/session", {})) == (422, "invalid-request")


def test_a_change_needs_the_csrf_value_and_the_page_s_origin(browser: Browser) -> None:
    path = "/api/projects/main/plan"
    body = {"files": [{"name": "f.yml", "text": FLEET}]}
    assert browser.send("POST", path, body).status_code == 200
    assert code_of(browser.send("POST", path, body, **{"atoll-csrf": ""})) == (403, "wrong-csrf")
    assert code_of(browser.send("POST", path, body, **{"atoll-csrf": "x" * 32})) == (403, "wrong-csrf")
    assert code_of(browser.send("POST", path, body, origin="http://evil.example")) == (403, "wrong-origin")
    assert code_of(browser.send("POST", path, body, origin="")) == (403, "wrong-origin")


def test_a_host_name_that_is_not_this_server_s_is_refused(browser: Browser) -> None:
    assert code_of(browser.send("GET", "/", host="rebound.example")) == (421, "wrong-host")
    port = browser.address.rsplit(":", 1)[1]
    named = {"host": f"rebound.example:{port}"}
    assert code_of(browser.send("GET", "/api/projects/main/map", **named)) == (421, "wrong-host")
    assert browser.send("GET", "/", host=f"localhost:{port}").status_code == 200


def test_a_session_ends_with_its_token(server: ServerProcess, stranger: Browser) -> None:
    admin = server.client
    issued = admin.create_token("short")
    assert stranger.send("POST", "/web/session", {"token": issued.token}).status_code == 201
    assert stranger.send("GET", "/api/projects/main/map").status_code == 200
    admin.revoke_token(issued.view.prefix)
    assert code_of(stranger.send("GET", "/api/projects/main/map")) == (401, "unauthorized")
    assert stranger.send("GET", "/web/me").json()["user"] == ""


def test_logging_out_ends_the_session(browser: Browser) -> None:
    cookie = dict(browser.http.cookies)
    assert browser.send("DELETE", "/web/session").status_code == 204
    again = httpx.get(f"{browser.address}/api/projects/main/map", cookies=cookie)
    assert code_of(again) == (401, "unauthorized")


def test_a_user_sees_only_the_maps_of_own_projects(server: ServerProcess, stranger: Browser) -> None:
    admin = server.client
    admin.create_user("eve")
    issued = admin.create_token("eve", user="eve")
    assert stranger.send("POST", "/web/session", {"token": issued.token}).json()["projects"] == {}
    for path in ("map", "map/hour", "stream"):
        assert code_of(stranger.send("GET", f"/api/projects/main/{path}")) == (404, "not-found")
    assert httpx.get(f"{server.address}/api/projects/main/map").status_code == 401


def test_the_page_and_its_files_have_a_strict_policy_and_load_nothing_from_elsewhere(server: ServerProcess) -> None:
    page = httpx.get(f"{server.address}/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    paths = re.findall(r'(?:src|href)="(/web/static/[^"]+)"', page.text)
    assert len(paths) >= 3
    for path in paths:
        file = httpx.get(server.address + path)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
    assert code_of(httpx.get(f"{server.address}/web/static/none.js")) == (404, "not-found")
    assert not re.search(r"https?://(?!www\.w3\.org)", page.text)


SOURCES = sorted(Path("src/atoll/fronts/web/static").glob("*.js"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_module_makes_markup_from_text(source: Path) -> None:
    text = source.read_text()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in text
    assert not re.search(r"https?://", text)


def test_the_map_shows_what_was_applied_and_changes_follow_by_number(server: ServerProcess, browser: Browser) -> None:
    before = browser.send("GET", "/api/projects/main/map")
    seq = before.json()["seq"]
    again = browser.send("GET", "/api/projects/main/map", **{"if-none-match": before.headers["etag"]})
    assert again.status_code == 304
    client = server.client
    seen: dict[str, Any] = {}
    with browser.http.stream("GET", f"/api/projects/main/stream?after={seq}") as stream:
        browser.send("POST", "/api/projects/main/apply", {"files": [{"name": "f.yml", "text": FLEET}]})
        lines = stream.iter_lines()
        kind = ""
        for line in lines:
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            if line.startswith("data: ") and kind == "change":
                change = json.loads(line.removeprefix("data: "))
                columns = change["instances"]
                seen |= {id: columns["zones"][zone] for id, zone in zip(columns["id"], columns["zone"], strict=True)}
            if len(seen) == 3:
                break
    assert sorted(seen.values()) == ["fake/fake-1/fake-1a", "fake/fake-1/fake-1b", "fake/fake-1/fake-1c"]
    whole = browser.send("GET", "/api/projects/main/map").json()
    assert set(whole["instances"]["id"]) == set(seen)
    assert [fleet["name"] for fleet in whole["fleets"]] == ["web"]
    late = browser.send("GET", f"/api/projects/main/map?after={seq}").json()
    assert set(late["instances"]["id"]) == set(seen)
    client.delete_fleet("web")


def test_the_last_hour_counts_launches(server: ServerProcess, browser: Browser) -> None:
    body = {"files": [{"name": "f.yml", "text": FLEET.replace("web", "counted")}]}
    launched = sum(bin[1] for bin in browser.send("GET", "/api/projects/main/map/hour").json()["bins"])
    assert browser.send("POST", "/api/projects/main/apply", body).status_code == 200
    client = server.client
    limit = time.monotonic() + 20
    while any(one.status != "idle" for one in client.fleet("counted").instances) and time.monotonic() < limit:
        time.sleep(0.05)
    hour = browser.send("GET", "/api/projects/main/map/hour").json()
    assert len(hour["bins"]) == 120
    assert sum(bin[1] for bin in hour["bins"]) > launched
    client.delete_fleet("counted")
