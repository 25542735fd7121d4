"""One request of a client, and what its handler needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atoll.engine.engine import Engine
from atoll.engine.parts.refusal import Refused
from atoll.fronts.dstack.backends import Names
from atoll.model.access import User
from atoll.model.error_codes import ErrorCode

MOST_NAMES = 100
"""Names in one request."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request of `user`, whose token it brought. `project` is that of its path, or empty."""

    engine: Engine
    names: Names
    user: User
    token: str
    project: str
    body: Mapping[str, Any]

    def text(self, key: str) -> str:
        """A text that the request must have. Raises Refused."""
        value = self.body.get(key)
        if isinstance(value, str) and 0 < len(value) <= 200 and "\0" not in value:
            return value
        raise Refused(ErrorCode.INVALID_REQUEST, f"the request has no `{key}`", status=422)

    def texts(self, key: str) -> list[str]:
        """The texts of a list. Raises Refused."""
        value = self.body.get(key)
        if isinstance(value, list) and len(value) <= MOST_NAMES and all(isinstance(each, str) for each in value):
            return [each for each in value if "\0" not in each]
        raise Refused(ErrorCode.INVALID_REQUEST, f"`{key}` is no list of at most {MOST_NAMES} names", status=422)

    def number(self, key: str, default: int, most: int) -> int:
        """A number from 0 to `most`. Raises Refused."""
        value = self.body.get(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return min(value, most)
        raise Refused(ErrorCode.INVALID_REQUEST, f"`{key}` is no number", status=422)

    def part(self, key: str) -> Mapping[str, Any]:
        """An object in the request; empty where it is unset. Raises Refused."""
        value = self.body.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        raise Refused(ErrorCode.INVALID_REQUEST, f"`{key}` is no object", status=422)

    async def projects(self) -> list[str]:
        """The projects that the user may read: an admin all, others their own."""
        if self.user.admin:
            return sorted(project.name for project in await self.engine.accounts.projects())
        return sorted(self.user.roles)
