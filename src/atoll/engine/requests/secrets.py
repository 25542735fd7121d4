"""Secrets of projects: set by name, listed without values, and put into the environment of a job on its way out."""

from collections.abc import Mapping, Sequence

from atoll.configuration.types.secret import secret_names, with_secrets
from atoll.engine.context import Context
from atoll.engine.parts.vault import Vault
from atoll.engine.requests.refusal import not_found
from atoll.model.access import Secret
from atoll.model.records import EventKind
from atoll.store.transaction import Transaction


class SecretMissing(Exception):  # noqa: N818 - what the job is told
    """A variable refers to a secret that is not there (any more)."""


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
        tx.tell(project, EventKind.SECRET, name, "set")
        return secret


async def delete_secret(context: Context, project: str, name: str) -> Secret:
    """Delete a secret. Raises Refused: not-found."""
    async with context.database.write() as tx:
        for secret in await tx.secrets.listing(project):
            if secret.name == name:
                await tx.secrets.delete(project, name)
                tx.tell(project, EventKind.SECRET, name, "deleted")
                return secret
        raise not_found("secret", name)


async def open_environment(vault: Vault, tx: Transaction, project: str, env: Mapping[str, str]) -> dict[str, str]:
    """The kept variables of a run as its job gets them: opened, with the values of secrets.

    Raises SecretMissing, WrongKey.
    """
    opened = {name: vault.open(text, name) for name, text in env.items()}
    wanted = {name for text in opened.values() for name in secret_names(text)}
    if not wanted:
        return opened
    sealed = await tx.secrets.sealed(project)
    missing = sorted(wanted - sealed.keys())
    if missing:
        raise SecretMissing(f"there is no secret `{missing[0]}` any more")
    values = {name: vault.open(sealed[name], place_of(project, name)) for name in wanted}
    return {name: with_secrets(text, values) for name, text in opened.items()}


def place_of(project: str, name: str) -> str:
    """Where a secret is kept: it opens there alone."""
    return f"{project}/{name}"
