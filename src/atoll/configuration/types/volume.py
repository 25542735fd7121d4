"""The volume: a network disk, in a zone that is given or chosen."""

from typing import Annotated, Literal

from pydantic import ConfigDict, model_validator

from atoll.configuration.types.base import Duration, Flag, Model, Name, Options, Size, Text, Texts, refusal, wrong_value
from atoll.configuration.types.profile import Tags
from atoll.configuration.types.support import NO_OPTIONS, NOT_TAGGED, Later

NOT_KUBERNETES = Later("this release has no volumes of Kubernetes")


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
    auto_cleanup_duration: Annotated[Duration, Later("the volume stays until it is deleted", refused=False)] = None
    tags: Annotated[Tags | None, NOT_TAGGED] = None
    claim_name: Annotated[Text | None, NOT_KUBERNETES] = None
    storage_class_name: Annotated[Text | None, NOT_KUBERNETES] = None
    access_modes: Annotated[Texts | None, NOT_KUBERNETES] = None
    read_only: Annotated[Flag, NOT_KUBERNETES] = False
    backend_options: Annotated[Options, NO_OPTIONS] = None

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
