"""Browser sessions and the single-use codes that open them, both kept as hashes."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from atoll.model.access import Session
from atoll.store.connection import Connection
from atoll.store.tables import login_codes, sessions


class SessionRepository:
    """Reads and writes the sessions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_code(self, hash: str, token_hash: str, until: datetime) -> None:
        """Stores a code for the token with this hash."""
        await self._connection.execute(insert(login_codes).values(hash=hash, token_hash=token_hash, until=until))

    async def take_code(self, hash: str, now: datetime) -> str | None:
        """Uses a code; returns the hash of its token, or None if the code is unknown, used or expired."""
        await self._connection.execute(delete(login_codes).where(login_codes.c.until <= now))
        found = (await self._connection.execute(select(login_codes).where(login_codes.c.hash == hash))).first()
        used = await self._connection.execute(delete(login_codes).where(login_codes.c.hash == hash))
        return str(found.token_hash) if found is not None and used.rowcount == 1 else None

    async def add(self, session: Session) -> None:
        """Stores a new session."""
        await self._connection.execute(
            insert(sessions).values(
                hash=session.hash,
                token_hash=session.token_hash,
                csrf=session.csrf,
                created_at=session.created_at,
                seen_at=session.seen_at,
            )
        )

    async def get(self, hash: str) -> Session | None:
        """Returns the session with this hash, if it exists."""
        row = (await self._connection.execute(select(sessions).where(sessions.c.hash == hash))).first()
        return None if row is None else Session(row.hash, row.token_hash, row.csrf, row.created_at, row.seen_at)

    async def seen(self, hash: str, now: datetime) -> None:
        """Records that a session is in use."""
        await self._connection.execute(update(sessions).where(sessions.c.hash == hash).values(seen_at=now))

    async def end(self, hash: str) -> None:
        """Deletes a session; a session that does not exist is no error."""
        await self._connection.execute(delete(sessions).where(sessions.c.hash == hash))

    async def expire(self, before: datetime) -> None:
        """Deletes the sessions that were last used before a time."""
        await self._connection.execute(delete(sessions).where(sessions.c.seen_at < before))
