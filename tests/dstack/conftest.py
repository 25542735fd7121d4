"""One server on the local backend, which dstack's clients call `aws`, and its users."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from atoll.client import Client
from tests.server.process import ServerProcess

CONFIG = "backends: [{type: local}]\ndstack: {alias: {aws: local}}\n"


@dataclass(frozen=True)
class Site:
    """A server, and the token of each of its users."""

    server: ServerProcess
    tokens: dict[str, str]

    def post(self, path: str, body: Any = None, user: str = "admin", version: str = "0.22.5") -> httpx.Response:
        """One request as dstack's clients send it; a `user` without a token sends none."""
        headers = {"X-API-VERSION": version}
        if user in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[user]}"
        return httpx.post(f"{self.server.address}{path}", json=body, headers=headers, timeout=60)

    def ok(self, path: str, body: Any = None, user: str = "admin") -> Any:
        """The answer of a request that must succeed."""
        answer = self.post(path, body, user)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, body: Any = None, user: str = "admin", status: int = 400) -> dict[str, str]:
        """The only detail of a refusal."""
        answer = self.post(path, body, user)
        assert answer.status_code == status, answer.text
        [detail] = answer.json()["detail"]
        return dict(detail)

    @property
    def client(self) -> Client:
        return self.server.client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    process = ServerProcess(tmp_path_factory.mktemp("dstack") / "home")
    (process.home / "config.yml").write_text(CONFIG)
    with process:
        made = Site(process, {"admin": process.token, "wrong": "atoll_" + "x" * 43})
        _add_user(made, "user", "main")
        _post(made, "/api/projects", {"name": "other"})
        _add_user(made, "stranger", "other")
        yield made


def _add_user(site: Site, name: str, project: str) -> None:
    _post(site, "/api/users", {"name": name})
    headers = {"Authorization": f"Bearer {site.tokens['admin']}"}
    member = f"{site.server.address}/api/projects/{project}/members/{name}"
    assert httpx.put(member, json={"role": "user"}, headers=headers).status_code == 200
    site.tokens[name] = _post(site, "/api/tokens", {"name": "test", "user": name})["token"]


def _post(site: Site, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {site.tokens['admin']}"}
    answer = httpx.post(f"{site.server.address}{path}", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()
