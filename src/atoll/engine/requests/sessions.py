"""Browser sessions: opened by a single-use code or a token, ended by log-out, idleness, or the end of the token.

A session stands for its token: it may do what the token's user may, and ends with the token. Codes, sessions and tokens
are long random texts, of which the database holds hashes alone.
"""

import secrets
from datetime import timedelta

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.accounts import token_hash
from atoll.model.access import Session
from atoll.model.error_codes import ErrorCode

CODE_SECONDS = 60.0
"""How long a code may be used."""
IDLE_SECONDS = 12 * 3600.0
"""After this long without a request a session ends."""
SEEN_SECONDS = 300.0
"""How exactly the last use of a session is recorded."""


async def issue_code(context: Context, token: str) -> str:
    """A single-use code that opens a session for the token with the hash `token`."""
    code = secrets.token_urlsafe(32)
    async with context.database.write() as tx:
        await tx.sessions.add_code(token_hash(code), token, tx.now + timedelta(seconds=CODE_SECONDS))
    return code


async def redeem_code(context: Context, code: str) -> str:
    """The hash of the token that a code was issued for. Raises Refused (401) for any but a fresh, unused code."""
    async with context.database.write() as tx:
        found = await tx.sessions.take_code(token_hash(code), tx.now)
    if found is None:
        raise Refused(
            ErrorCode.WRONG_CODE,
            "the code is wrong, expired, or was used already",
            help="run `atoll web` again: a code works once, within a minute",
            status=401,
        )
    return found


async def open_session(context: Context, token: str) -> tuple[str, Session]:
    """A new session for the token with the hash `token`: the cookie's value, and what is kept of it."""
    value = secrets.token_urlsafe(32)
    async with context.database.write() as tx:
        await tx.sessions.expire(tx.now - timedelta(seconds=IDLE_SECONDS))
        session = Session(token_hash(value), token, secrets.token_urlsafe(24), tx.now, tx.now)
        await tx.sessions.add(session)
    return value, session


async def find_session(context: Context, value: str) -> Session | None:
    """The session of a cookie's value, None for an unknown or idle one; records that it is in use."""
    hash = token_hash(value)
    async with context.database.read() as tx:
        session = await tx.sessions.get(hash)
    now = context.now()
    if session is None or now - session.seen_at > timedelta(seconds=IDLE_SECONDS):
        return None
    if now - session.seen_at > timedelta(seconds=SEEN_SECONDS):
        async with context.database.write() as tx:
            await tx.sessions.seen(hash, tx.now)
    return session


async def end_session(context: Context, session: Session) -> None:
    """End a session."""
    async with context.database.write() as tx:
        await tx.sessions.end(session.hash)
