"""Projects, users, their membership, and tokens by their hashes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from atoll.model.access import Project, Role, Token, User
from atoll.model.states import RUN, AttachmentState, FleetState, InstanceState, VolumeState
from atoll.store.connection import Connection
from atoll.store.tables import attachments, fleets, instances, members, projects, runs, tokens, users, volumes

_BEARER = (
    select(tokens, users.c.admin, users.c.created_at.label("since"), members.c.project, members.c.role)
    .select_from(tokens.join(users, users.c.name == tokens.c.user).outerjoin(members, members.c.user == users.c.name))
    .where(tokens.c.hash == bindparam("this"))
)
_PROJECT = select(projects.c.name).where(projects.c.name == bindparam("project"), projects.c.deleted_at.is_(None))


class AccessRepository:
    """Projects, users and tokens of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def projects(self) -> Sequence[Project]:
        """Returns the existing projects, by name."""
        living = select(projects).where(projects.c.deleted_at.is_(None)).order_by(projects.c.name)
        return [Project(row["name"], row["created_at"]) for row in await self._rows(living)]

    async def project_exists(self, name: str) -> bool:
        """Returns whether the project exists."""
        return await self._connection.row(_PROJECT, {"project": name}) is not None

    async def project_name_taken(self, name: str) -> bool:
        """Returns whether a project has, or ever had, this name."""
        return (await self._connection.execute(select(projects).where(projects.c.name == name))).first() is not None

    async def add_project(self, name: str, now: datetime) -> None:
        """Stores a new project."""
        await self._connection.execute(insert(projects).values(name=name, created_at=now))

    async def delete_project(self, name: str, now: datetime) -> None:
        """Deletes a project and its memberships. Its name stays taken."""
        await self._connection.execute(update(projects).where(projects.c.name == name).values(deleted_at=now))
        await self._connection.execute(delete(members).where(members.c.project == name))

    async def living(self, project: str) -> Mapping[str, int]:
        """Returns the number of live records of each kind in a project; kinds without any are omitted."""
        conditions = {
            "fleet": (fleets, fleets.c.state != FleetState.DELETED),
            "instance": (instances, instances.c.state != InstanceState.TERMINATED),
            "volume": (volumes, volumes.c.state != VolumeState.DELETED),
            "attachment": (attachments, attachments.c.state != AttachmentState.DETACHED),
            "run": (runs, runs.c.state.not_in(RUN.final)),
        }
        counts = {}
        for kind, (table, living) in conditions.items():
            query = select(func.count()).select_from(table).where(table.c.project == project, living)
            counts[kind] = (await self._connection.execute(query)).scalar() or 0
        return {kind: count for kind, count in counts.items() if count}

    async def users(self) -> Sequence[User]:
        """Returns all users with their roles, by name."""
        rows = await self._rows(select(users).order_by(users.c.name))
        ties = await self._rows(select(members).order_by(members.c.project))
        return [_user(row, [tie for tie in ties if tie["user"] == row["name"]]) for row in rows]

    async def user(self, name: str) -> User | None:
        """Returns one user with the roles."""
        rows = await self._rows(select(users).where(users.c.name == name))
        if not rows:
            return None
        return _user(rows[0], await self._rows(select(members).where(members.c.user == name)))

    async def add_user(self, name: str, admin: bool, now: datetime) -> None:
        """Stores a new user, a member of no project."""
        await self._connection.execute(insert(users).values(name=name, admin=admin, created_at=now))

    async def delete_user(self, name: str) -> None:
        """Deletes a user with memberships and tokens."""
        for table, column in ((members, members.c.user), (tokens, tokens.c.user), (users, users.c.name)):
            await self._connection.execute(delete(table).where(column == name))

    async def members(self, project: str) -> Mapping[str, Role]:
        """Returns the members of a project, by name."""
        rows = await self._rows(select(members).where(members.c.project == project).order_by(members.c.user))
        return {row["user"]: Role(row["role"]) for row in rows}

    async def set_member(self, project: str, user: str, role: Role) -> None:
        """Sets a user's role in a project, replacing an existing one."""
        await self.remove_member(project, user)
        await self._connection.execute(insert(members).values(project=project, user=user, role=role))

    async def remove_member(self, project: str, user: str) -> bool:
        """Removes a user from a project; returns False if the user was no member."""
        tie = (members.c.project == project, members.c.user == user)
        return bool((await self._connection.execute(delete(members).where(*tie))).rowcount)

    async def token(self, hash: str) -> Token | None:
        """Returns the token with this hash, valid or not."""
        rows = await self._rows(select(tokens).where(tokens.c.hash == hash))
        return _token(rows[0]) if rows else None

    async def bearer(self, hash: str) -> tuple[Token, User] | None:
        """Returns the token with this hash, valid or not, and its user with the roles: read for every request."""
        rows = [dict(row) for row in (await self._connection.execute(_BEARER, {"this": hash})).mappings()]
        if not rows:
            return None
        first, ties = rows[0], [row for row in rows if row["project"] is not None]
        user = {"name": first["user"], "admin": first["admin"], "created_at": first["since"]}
        return _token(first), _user(user, ties)

    async def tokens(self, user: str | None = None) -> Sequence[Token]:
        """Returns the tokens of one user, or all; the oldest first."""
        wanted = select(tokens) if user is None else select(tokens).where(tokens.c.user == user)
        return [_token(row) for row in await self._rows(wanted.order_by(tokens.c.created_at, tokens.c.prefix))]

    async def add_token(self, token: Token) -> None:
        """Stores a token by its hash."""
        values = {name: getattr(token, name) for name in tokens.c.keys()}  # noqa: SIM118 - a collection of columns
        await self._connection.execute(insert(tokens).values(**values))

    async def revoke(self, token: Token, now: datetime) -> None:
        """Revokes a token."""
        await self._connection.execute(update(tokens).where(tokens.c.hash == token.hash).values(revoked_at=now))

    async def _rows(self, statement: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in (await self._connection.execute(statement)).mappings()]


def _user(row: Mapping[str, Any], ties: Sequence[Mapping[str, Any]]) -> User:
    return User(row["name"], row["admin"], row["created_at"], {tie["project"]: Role(tie["role"]) for tie in ties})


def _token(row: Mapping[str, Any]) -> Token:
    return Token(**{name: row[name] for name in tokens.c.keys()})  # noqa: SIM118 - a collection of columns
