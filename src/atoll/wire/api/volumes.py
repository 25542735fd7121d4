"""Volumes."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.zone import Zone


@dataclass(frozen=True, slots=True)
class VolumeView:
    """A volume. `zone` is None until one is chosen; `attached_to` names instances."""

    id: str
    name: str
    status: str
    size_gb: float
    backend: str
    zone: Zone | None
    created_at: datetime
    attached_to: tuple[str, ...] = ()
    backend_id: str | None = None
    binding: str = "immediate"
    message: str = ""
    version: str = ""
