"""Who may ask: bearer tokens, of which the database holds only hashes."""

import hashlib

from fastapi import Request

from atoll.engine.engine import Engine
from atoll.engine.refusal import Refused


def token_hash(token: str) -> str:
    """What is kept of a token. Tokens are long and random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


async def keep_token(engine: Engine, token: str) -> None:
    """Let a token in."""
    async with engine.database.write() as tx:
        if not await tx.settings.token_known(token_hash(token)):
            await tx.settings.add_token(token_hash(token), "first", tx.now)


async def require_token(request: Request) -> None:
    """Raises Refused (401) unless the request bears a token that was issued."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    state = request.app.state
    if scheme.lower() == "bearer" and token:
        hash = token_hash(token)
        if hash in state.tokens:
            return
        async with state.engine.database.read() as tx:
            if await tx.settings.token_known(hash):
                state.tokens.add(hash)
                return
    raise Refused(
        "unauthorized",
        "the token is missing or wrong",
        help="set ATOLL_TOKEN to the server's token (the file `token` in its data folder)",
        status=401,
    )
