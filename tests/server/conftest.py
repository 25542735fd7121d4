"""The real application over a real engine and database, with a fake cloud, and one token for each kind of asker."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from atoll.backends.fake import open_fake
from atoll.engine.engine import Engine, Options
from atoll.engine.requests import accounts as access
from atoll.model.access import Role
from atoll.server.app import create_app
from atoll.store.database import open_database, sqlite_url

FIRST = "first-token-of-the-data-folder-000000000000"


@dataclass
class Hands:
    """A clock that runs as time does, and can be put forward."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Served:
    """An application that answers within this process."""

    engine: Engine
    app: FastAPI
    client: httpx.AsyncClient
    clock: Hands
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, user: str = "admin", **more: Any) -> httpx.Response:
        """One request with the token of `user`; empty: without any."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        return await self.client.request(method, path, headers=headers, **more)

    async def apply(self, text: str, user: str = "admin", project: str = "main", **more: Any) -> httpx.Response:
        """Apply one file."""
        body = {"files": [{"name": "x.yml", "text": text}], **more}
        return await self.ask("POST", f"/api/projects/{project}/apply", user, json=body)

    async def user(self, name: str, *, admin: bool = False, roles: dict[str, Role] | None = None) -> str:
        """A new user; returns the token, which is kept under the name too."""
        context = self.engine.context
        await access.create_user(context, name, admin)
        for project, role in (roles or {}).items():
            await access.set_member(context, project, name, role)
        self.tokens[name], _ = await access.create_token(context, name, "test", None)
        return self.tokens[name]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """Projects `main` and `other`; askers admin, manager, user (of main), stranger (of other), and dead tokens."""
    clock = Hands()
    database = await open_database(sqlite_url(tmp_path / "atoll.db"), clock.now)
    engine = await Engine.over(database, {"fake": open_fake({}, tmp_path / "cloud")}, tmp_path, Options(now=clock.now))
    context = engine.context
    await access.keep_first_token(context, FIRST)
    await access.create_project(context, "other")
    app = create_app(engine, "test")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://atoll") as client:
        one = Served(engine, app, client, clock, {"admin": FIRST, "wrong": "atoll_" + "x" * 43})
        await one.user("manager", roles={"main": Role.MANAGER})
        await one.user("user", roles={"main": Role.USER})
        await one.user("stranger", roles={"other": Role.MANAGER})
        one.tokens["revoked"], token = await access.create_token(context, "admin", "revoked", None)
        await access.revoke_token(context, token.prefix, None)
        one.tokens["expired"], _ = await access.create_token(context, "admin", "expired", 60)
        clock.ahead += timedelta(seconds=61)
        yield one
    await engine.close()
