"""Projects, users and tokens: the requests of admins and managers. The server checks their rights."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.placement import claim_epoch
from atoll.model.access import Project, Role, Token, User
from atoll.model.error_codes import ErrorCode
from atoll.model.records import EventKind
from atoll.store.errors import NotUnique
from atoll.store.transaction import Transaction

FIRST_USER = "admin"
FIRST_PROJECT = "main"
PREFIX = 12
"""How many characters of a token name it: six for `atoll_`, and 36 bits."""
LONGEST_SECONDS = 100 * 365 * 86400.0
_PROJECT = re.compile(r"[a-z][a-z0-9-]{0,40}")
_USER = re.compile(r"[a-z][a-z0-9._@+-]{0,63}")
_LABEL = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_LONG_ENOUGH = 32
"""A shorter token is not one of ours: nothing of it is shown."""


def token_hash(token: str) -> str:
    """What is kept of a token. Tokens are long and random, so that a plain hash is enough, and may be looked up."""
    return hashlib.sha256(token.encode()).hexdigest()


async def keep_first_token(context: Context, token: str) -> None:
    """Let the token of the data folder in, as the first user's."""
    hash = token_hash(token)
    async with context.database.write() as tx:
        if await tx.access.token(hash) is not None:
            return
        if await tx.access.user(FIRST_USER) is None:
            await tx.access.add_user(FIRST_USER, True, tx.now)
        prefix = token[:PREFIX] if len(token) >= _LONG_ENOUGH else hash[:PREFIX]
        await tx.access.add_token(Token(hash, prefix, "first", FIRST_USER, tx.now))


async def create_project(context: Context, name: str) -> Project:
    """A new project without members. Raises Refused: invalid-name, name-taken, not-isolated."""
    _check(_PROJECT, name, "a project", "small letters, digits and hyphens, at most 41, beginning with a letter")
    _refuse_without_isolation(context, "project")
    async with context.database.write() as tx:
        if await tx.access.project_name_taken(name):
            raise Refused(ErrorCode.NAME_TAKEN, f"there is or was a project `{name}`", help="choose another name")
        await tx.access.add_project(name, tx.now)
        tx.announce(name, EventKind.PROJECT, name, "created")
        return Project(name, tx.now)


def _refuse_without_isolation(context: Context, kind: str) -> None:
    """Raises Refused where a job of one user can read the server's own files, and so act as every other."""
    for name, backend in sorted(context.backends.items()):
        if not backend.info.isolated:
            message = (
                f"a second {kind} needs jobs that cannot read the server's files, and `{name}` has no namespaces here"
            )
            help = (
                f"enable user namespaces, configure another backend, or set `trusted: true` for `{name}` in config.yml"
            )
            raise Refused(ErrorCode.NOT_ISOLATED, message, help=help)


async def delete_project(context: Context, name: str) -> None:
    """Delete an empty project, with its memberships and secrets. Raises Refused: not-found, project-busy."""
    async with context.database.write() as tx:
        if not await tx.access.project_exists(name):
            raise not_found("project", name)
        if name == FIRST_PROJECT:
            raise Refused(ErrorCode.FIRST_PROJECT, f"the project `{name}` cannot be deleted")
        living = await tx.access.living(name)
        if living:
            held = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in living.items())
            raise Refused(
                ErrorCode.PROJECT_BUSY, f"the project `{name}` holds {held}", help="stop and delete them first"
            )
        # Concurrent submissions to the project have to plan again, and find it deleted.
        await claim_epoch(tx, await tx.settings.get("placements"))
        await tx.secrets.delete_all(name)
        await tx.access.delete_project(name, tx.now)
        tx.announce(name, EventKind.PROJECT, name, "deleted")


async def set_member(context: Context, project: str, user: str, role: Role) -> None:
    """Give a user a role in a project. Raises Refused: not-found."""
    async with context.database.write() as tx:
        await _known_user(tx, user)
        if not await tx.access.project_exists(project):
            raise not_found("project", project)
        await tx.access.set_member(project, user, role)
        tx.announce(project, EventKind.MEMBER, user, role)


async def remove_member(context: Context, project: str, user: str) -> Role:
    """Remove a user from a project; returns the former role. Raises Refused: not-found."""
    async with context.database.write() as tx:
        role = (await tx.access.members(project)).get(user)
        if role is None:
            raise Refused(ErrorCode.NOT_FOUND, f"`{user}` is no member of the project `{project}`", status=404)
        await tx.access.remove_member(project, user)
        tx.announce(project, EventKind.MEMBER, user, "removed")
        return role


async def create_user(context: Context, name: str, admin: bool) -> User:
    """A new user without tokens. Raises Refused: invalid-name, name-taken, not-isolated."""
    _check(_USER, name, "a user", "small letters, digits and . _ @ + -, at most 64, beginning with a letter")
    _refuse_without_isolation(context, "user")
    async with context.database.write() as tx:
        if await tx.access.user(name) is not None:
            raise Refused(ErrorCode.NAME_TAKEN, f"there is a user `{name}` already", help="choose another name")
        await tx.access.add_user(name, admin, tx.now)
        return User(name, admin, tx.now)


async def delete_user(context: Context, name: str) -> User:
    """Remove a user with memberships and tokens. Raises Refused: not-found, last-admin."""
    async with context.database.write() as tx:
        user = await _known_user(tx, name)
        others = [one for one in await tx.access.users() if one.admin and one.name != name]
        if user.admin and not others:
            raise Refused(ErrorCode.LAST_ADMIN, f"`{name}` is the only admin", help="make another admin first")
        await tx.access.delete_user(name)
        return user


async def create_token(context: Context, user: str, name: str, seconds: float | None) -> tuple[str, Token]:
    """A new token, and what is kept of it. Raises Refused: not-found, invalid-name, invalid-request."""
    _check(_LABEL, name, "a token", "at most 100 characters on one line")
    if seconds is not None and not 0 < seconds <= LONGEST_SECONDS:
        raise Refused(ErrorCode.INVALID_REQUEST, "a token ends after more than 0 s, and within 100 years", status=422)
    while True:
        text = "atoll_" + secrets.token_urlsafe(32)
        try:
            async with context.database.write() as tx:
                await _known_user(tx, user)
                ends = None if seconds is None else tx.now + timedelta(seconds=seconds)
                token = Token(token_hash(text), text[:PREFIX], name, user, tx.now, ends)
                await tx.access.add_token(token)
        except NotUnique:  # another token begins in the same way
            continue
        return text, token


async def revoke_token(context: Context, prefix: str, owner: str | None) -> Token:
    """Revoke a token, idempotently; `owner` None: any user's. Raises Refused: not-found."""
    async with context.database.write() as tx:
        found = [token for token in await tx.access.tokens(owner) if token.prefix == prefix]
        if not found:
            raise not_found("token", prefix)
        if found[0].revoked_at is None:
            await tx.access.revoke(found[0], tx.now)
        return await tx.access.token(found[0].hash) or found[0]


async def list_tokens(context: Context, owner: str | None) -> Sequence[Token]:
    """One user's tokens, or all; the oldest first."""
    async with context.database.read() as tx:
        return await tx.access.tokens(owner)


async def _known_user(tx: Transaction, name: str) -> User:
    user = await tx.access.user(name)
    if user is None:
        raise not_found("user", name)
    return user


def _check(form: re.Pattern[str], name: str, what: str, rule: str) -> None:
    if not form.fullmatch(name):
        raise Refused(ErrorCode.INVALID_NAME, f"`{name[:100]}` cannot name {what}", help=rule, status=422)
