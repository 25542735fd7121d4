"""What the user may set of the local backend: its zones, and how much of a machine each pretends to have.

The zones share this machine's real CPUs and memory: a capacity is a limit on what is lent, not a reservation.
"""

import platform
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace

from atoll.model.resources import InstanceType
from atoll.model.suggestion import did_you_mean
from atoll.model.zone import Capacity, Zone, ZoneKind

REGION = "local"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?")
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(GB|TB)?\s*", re.IGNORECASE)
_GB_PER_CPU = 4


@dataclass(frozen=True, slots=True)
class LocalZone:
    """One zone: its name and the most that may be lent in it at once (memory in GB)."""

    name: str
    cpus: float = 16
    memory_gb: float = 64

    @property
    def zone(self) -> Zone:
        """The zone as a value."""
        return Zone("local", REGION, self.name, kind=ZoneKind.AVAILABILITY_ZONE)

    @property
    def capacity(self) -> Capacity:
        """The declared total."""
        return Capacity(self.cpus, self.memory_gb)

    def instance_types(self, disk_gb: float = 0) -> tuple[InstanceType, ...]:
        """The sizes lent here, smallest first: 2, 4, 8 … CPUs with 4 GB each, the same in the zone's own proportion of
        memory where that is a whole one, and the whole zone."""
        shapes = {(self.cpus, self.memory_gb)}
        for ratio in (_GB_PER_CPU, self.memory_gb / self.cpus):
            cpus = 2
            while cpus <= self.cpus and cpus * ratio <= self.memory_gb and float(ratio).is_integer():
                shapes.add((cpus, cpus * ratio))
                cpus *= 2
        return tuple(
            InstanceType(f"local.{cpus:g}x{memory:g}", cpus, memory, disk_gb, _arch())
            for cpus, memory in sorted(shapes)
        )


def _default_zones() -> tuple[LocalZone, ...]:
    return tuple(LocalZone(f"local-{letter}") for letter in "abc")


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """The configuration of the local backend; three zones of 16 CPUs and 64 GB unless another one is given."""

    zones: tuple[LocalZone, ...] = _default_zones()
    trusted: bool = False
    """Whether all users may read what the server's system user may, where jobs cannot be isolated."""

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> "LocalConfig":
        """From a configuration file: `zones` (how many, or a list of names or of `{name, cpus, memory}`), and `cpus`
        and `memory` (`64GB` or a number of GB) for zones that do not say their own.

        Raises ValueError that says what is wrong.
        """
        _known(mapping, ("zones", "cpus", "memory", "trusted"), "the local backend")
        trusted = mapping.get("trusted", False)
        if not isinstance(trusted, bool):
            raise ValueError(f"`trusted` of the local backend: true or false, not {trusted!r}")
        default = _sized(LocalZone(""), mapping, "the local backend")
        zones = tuple(_zone(entry, default) for entry in _entries(mapping.get("zones", 3)))
        names = [zone.name for zone in zones]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the local backend has two zones named `{name}`")
        return cls(zones, trusted)


def _entries(value: object) -> list[object]:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= 26:
            raise ValueError(f"`zones` of the local backend: 1 to 26, or a list of names, not {value}")
        return [f"local-{letter}" for letter in string.ascii_lowercase[:value]]
    if isinstance(value, list | tuple) and value:
        return list(value)
    raise ValueError("`zones` of the local backend: a number, or a list of names or of {name, cpus, memory}")


def _zone(entry: object, default: LocalZone) -> LocalZone:
    values: Mapping[str, object] = {"name": entry} if isinstance(entry, str) else _mapping(entry)
    _known(values, ("name", "cpus", "memory"), "a zone of the local backend")
    name = values.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"a zone of the local backend needs a name of a-z, 0-9 and `-`, not {name!r}")
    return _sized(replace(default, name=name), values, f"zone `{name}`")


def _mapping(entry: object) -> Mapping[str, object]:
    if isinstance(entry, Mapping):
        return entry
    raise ValueError(f"a zone of the local backend is a name or {{name, cpus, memory}}, not {entry!r}")


def _sized(zone: LocalZone, values: Mapping[str, object], where: str) -> LocalZone:
    if "cpus" in values:
        zone = replace(zone, cpus=_number(values["cpus"], f"`cpus` of {where}"))
    if "memory" in values:
        zone = replace(zone, memory_gb=_memory(values["memory"], f"`memory` of {where}"))
    return zone


def _memory(value: object, where: str) -> float:
    if isinstance(value, str):
        match = _MEMORY.fullmatch(value)
        if not match:
            raise ValueError(f"{where}: an amount like 64GB, not {value!r}")
        return _number(float(match[1]) * (1024 if (match[2] or "").upper() == "TB" else 1), where)
    return _number(value, where)


def _number(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1_000_000:
        return value
    raise ValueError(f"{where}: a number above 0, not {value!r}")


def _known(mapping: Mapping[str, object], keys: tuple[str, ...], where: str) -> None:
    for key in mapping:
        if key not in keys:
            help = did_you_mean(key, keys, f"the settings are {', '.join(keys)}")
            raise ValueError(f"{where} has no setting `{key}`; {help}")


def _arch() -> str:
    return {"x86_64": "x86", "amd64": "x86", "aarch64": "arm", "arm64": "arm"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
