"""Secrets of projects: set by name, and listed without values."""

from collections.abc import Sequence

from atoll.engine.context import Context
from atoll.engine.parts.refusal import not_found
from atoll.engine.parts.sealed_environment import place_of
from atoll.model.access import Secret
from atoll.model.records import EventKind


async def list_secrets(context: Context, project: str) -> Sequence[Secret]:
    """The secrets of a project, without their values."""
    async with context.database.read() as tx:
        return await tx.secrets.listing(project)


async def set_secret(context: Context, project: str, name: str, value: str, user: str) -> Secret:
    """Set a secret, replacing one of the same name. Raises Refused: wrong-secret-key."""
    async with context.database.write() as tx:
        vault = await context.vault.claim(tx)
        if not await tx.access.project_exists(project):
            raise not_found("project", project)
        secret = Secret(project, name, tx.now, user)
        await tx.secrets.set(secret, vault.seal(value, place_of(project, name)))
        tx.announce(project, EventKind.SECRET, name, "set")
        return secret


async def delete_secret(context: Context, project: str, name: str) -> Secret:
    """Delete a secret. Raises Refused: not-found."""
    async with context.database.write() as tx:
        for secret in await tx.secrets.listing(project):
            if secret.name == name:
                await tx.secrets.delete(project, name)
                tx.announce(project, EventKind.SECRET, name, "deleted")
                return secret
        raise not_found("secret", name)
