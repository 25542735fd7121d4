"""The container of a job, as its agent gets it."""

import shlex

from atoll.configuration.types.run import Run as RunSpec
from atoll.engine.parts.sealed_environment import open_environment
from atoll.engine.parts.vault import Vault
from atoll.store.transaction import Transaction
from atoll.wire.agent import Container

_BYTES_GB = 1 << 30


async def container_of(vault: Vault, tx: Transaction, project: str, spec: RunSpec) -> Container | None:
    """The container that a run's jobs run in; None for one without an image. Raises SecretMissing, WrongKey."""
    if spec.image is None:
        return None
    kept = spec.registry_auth.model_dump(exclude_none=True) if spec.registry_auth is not None else {}
    login = await open_environment(vault, tx, project, kept)
    shm_gb = spec.resources.shm_size
    return Container(
        spec.image,
        tuple(shlex.split(spec.entrypoint or "")),
        spec.user or "",
        spec.privileged,
        None if not shm_gb else int(shm_gb * _BYTES_GB),
        login.get("username", ""),
        login.get("password", ""),
    )
