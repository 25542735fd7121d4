"""Configurations as they were applied, for their users: everything but what may hold a secret."""

from collections.abc import Mapping
from typing import Any

from atoll.engine.context import Context
from atoll.engine.parts.refusal import not_found
from atoll.engine.parts.vault import SEALED_KEYS
from atoll.model.records import Fleet, Kind, Run, Volume
from atoll.wire.api import ConfigurationView

FIRST = ("type", "name")


class ConfigurationQueries:
    """Reads configurations."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def get(self, project: str, kind: Kind, name: str) -> ConfigurationView:
        """The configuration of a fleet, volume or run, as it was applied last. Raises Refused: not-found."""
        async with self._context.database.read() as tx:
            record: Fleet | Volume | Run | None
            if kind is Kind.FLEET:
                record = await tx.fleets.named(project, name)
            elif kind is Kind.VOLUME:
                record = await tx.volumes.named(project, name)
            else:
                record = await tx.runs.named(project, name)
        if record is None:
            raise not_found(kind.value, name)
        return configuration_view(kind, name, record.config)


def configuration_view(kind: Kind, name: str, config: Mapping[str, Any]) -> ConfigurationView:
    """A canonical configuration without secrets: of variables the names remain."""
    content = {key: config[key] for key in FIRST if key in config}
    content |= {key: value for key, value in config.items() if key not in (*FIRST, *SEALED_KEYS)}
    if "env" in config:
        content["env"] = list(config["env"])
    return ConfigurationView(kind.value, name, content, tuple(key for key in SEALED_KEYS if config.get(key)))
