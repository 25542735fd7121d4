"""Everything that older keys sealed is sealed by the newest: after that they are needed no more.

One value in a transaction: no transaction waits long, and a server that stops half-way continues at its next start.
"""

import logging

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.sealed_environment import place_of
from atoll.engine.parts.vault import WrongKey
from atoll.model.records import Kind
from atoll.store.configs import KINDS
from atoll.store.errors import StoreError

log = logging.getLogger("atoll.engine")
PAGE = 200
"""How many configurations are looked at in one transaction."""


async def reseal_in_background(context: Context) -> None:
    """Re-seal all values that need it, and log the result. An error is logged; the next start retries."""
    try:
        renewed, closed = await reseal(context)
    except (Refused, StoreError, OSError) as error:
        log.error("secrets are not sealed with the newest key: keep the older ones (%s)", error)
        return
    if closed:
        log.error("values=%d cannot be opened with any key given: keep the older ones", closed)
    else:
        log.info("values=%d resealed: all is sealed with the newest key, the older ones can go", renewed)


async def reseal(context: Context) -> tuple[int, int]:
    """How many secrets and configurations were resealed by the vault's first key, and how many no key opens.

    Every server of the database seals by that key from now on. Raises Refused (wrong-secret-key) where the database's
    key is none of this server's.
    """
    async with context.database.write() as tx:
        await context.vault.move(tx)
        secrets = await tx.secrets.every()
    outcomes = [await _secret(context, project, name) for project, name in secrets]
    for kind in KINDS:
        outcomes += await _configs(context, kind)
    return outcomes.count(True), outcomes.count(False)


async def _secret(context: Context, project: str, name: str) -> bool | None:
    """True when it was resealed, None when it need not be, False when no key opens it."""
    async with context.database.write() as tx:
        sealed = await tx.secrets.held(project, name)
        if sealed is None:
            return None
        try:
            renewed = context.vault.renew(sealed, place_of(project, name))
        except WrongKey:
            return False
        if renewed == sealed:
            return None
        await tx.secrets.renew(project, name, renewed)
        return True


async def _configs(context: Context, kind: Kind) -> list[bool | None]:
    outcomes: list[bool | None] = []
    last = ""
    while True:
        async with context.database.read() as tx:
            page = await tx.configs.after(kind, last, PAGE)
        for id, config in page:
            try:
                stays = context.vault.renew_config(config) == config
            except WrongKey:
                stays = False
            if not stays:
                outcomes.append(await _config(context, kind, id))
        if len(page) < PAGE:
            return outcomes
        last = page[-1][0]


async def _config(context: Context, kind: Kind, id: str) -> bool | None:
    async with context.database.write() as tx:
        config = await tx.configs.held(kind, id)
        if config is None:
            return None
        try:
            await tx.configs.set(kind, id, context.vault.renew_config(config))
        except WrongKey:
            return False
        return True
