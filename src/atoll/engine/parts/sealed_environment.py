"""The environment of a job on its way to the machine: opened, with the values of secrets."""

from collections.abc import Mapping

from atoll.configuration.types.secret import secret_names, with_secrets
from atoll.engine.parts.vault import Vault
from atoll.store.transaction import Transaction


class SecretMissing(Exception):  # noqa: N818 - the job fails with it
    """A variable refers to a secret that is not there (any more)."""


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
