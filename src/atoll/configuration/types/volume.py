"""The volume: a network disk, in a zone that is told or chosen."""

from typing import Any, Literal

from pydantic import ConfigDict, model_validator

from atoll.configuration.types.base import Duration, Flag, Model, Name, Size, Text, Texts, refusal, wrong_value
from atoll.configuration.types.profile import Tags


class Volume(Model):
    """A network disk. It attaches only to machines of its zone."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [key]} for key in ("size", "volume_id", "claim_name")]}
    )

    type: Literal["volume"]
    name: Name | None = None
    backend: Text
    region: Text | None = None
    availability_zone: Text | None = None
    size: Size | None = None
    binding_mode: Literal["immediate", "wait-for-first-consumer"] = "immediate"
    volume_id: Text | None = None
    auto_cleanup_duration: Duration = None
    tags: Tags | None = None
    claim_name: Text | None = None
    storage_class_name: Text | None = None
    access_modes: Texts | None = None
    read_only: Flag = False
    backend_options: Any = None

    @model_validator(mode="after")
    def _sized(self) -> "Volume":
        if self.size is None and self.volume_id is None and self.claim_name is None:
            raise refusal("missing-key", "a volume needs `size`", "add `size: 100GB`")
        return self

    @model_validator(mode="after")
    def _one_zone(self) -> "Volume":
        zone = self.availability_zone
        if zone is not None and (not zone.strip() or zone.startswith("!") or "*" in zone or "?" in zone):
            raise wrong_value("one zone in `availability_zone`, by its name or id", ("availability_zone",))
        return self
