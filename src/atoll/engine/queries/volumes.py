"""Volumes as fronts show them."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from atoll.engine.context import Context
from atoll.engine.parts.refusal import not_found
from atoll.engine.parts.versions import version_of
from atoll.engine.queries.page import Page
from atoll.engine.queries.zones import no_longer_offered, not_configured
from atoll.model.records import Volume
from atoll.model.zone import Zone
from atoll.store.transaction import Transaction
from atoll.wire.api import VolumeView


class VolumeQueries:
    """Reads volumes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def page(self, project: str, after: str | None, limit: int) -> Page[VolumeView]:
        """Volumes, the oldest first."""
        async with self._context.database.read() as tx:
            found = await tx.listing.volumes(project, after, limit + 1)
            return Page(await self._views(tx, found[:limit]), len(found) > limit)

    async def get(self, project: str, name: str) -> VolumeView:
        """One volume with its version. Raises Refused: not-found."""
        async with self._context.database.read() as tx:
            found = await tx.volumes.named(project, name)
            if found is None:
                raise not_found("volume", name)
            return replace((await self._views(tx, [found]))[0], version=version_of(found))

    async def view(self, volume: Volume) -> VolumeView:
        """A volume that a request has just changed."""
        async with self._context.database.read() as tx:
            return (await self._views(tx, [volume]))[0]

    async def _views(self, tx: Transaction, found: Sequence[Volume]) -> list[VolumeView]:
        holders = await tx.listing.holders_of([volume.id for volume in found])
        gone = self._context.worlds.known().gone({volume.zone for volume in found if volume.zone is not None})
        return [volume_view(volume, holders.get(volume.id, []), self._context.backends, gone) for volume in found]


def volume_view(
    volume: Volume, holders: Sequence[str], backends: Collection[str], gone: Collection[Zone] = ()
) -> VolumeView:
    """A volume, and the names of the machines that hold it; `unknown` where its backend is not configured."""
    status, message = "deleting" if volume.end_reason else str(volume.state), volume.message
    if volume.backend not in backends:
        status = status if volume.end_reason else "unknown"
        message = not_configured(volume.backend)
    elif volume.zone is not None and volume.zone in gone:
        message = "; ".join(filter(None, [*no_longer_offered([volume.zone]), message]))
    return VolumeView(
        volume.id,
        volume.name,
        status,
        volume.size_gb,
        volume.backend,
        volume.zone,
        volume.created_at,
        tuple(holders),
        volume.backend_id,
        str(volume.config.get("binding_mode", "immediate")),
        message=message,
    )
