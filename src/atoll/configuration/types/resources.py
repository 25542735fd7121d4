"""`resources`: what one node requires, in dstack's short and long forms."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, PlainValidator
from pydantic import WithJsonSchema as Schema

from atoll.configuration.types.base import (
    COUNT_SCHEMA,
    SIZE_RANGE_SCHEMA,
    CountRange,
    Model,
    Size,
    SizeRange,
    refusal,
    wrong_type,
    wrong_value,
)
from atoll.configuration.types.support import Later
from atoll.model import resources as model
from atoll.model.resources import Range

VENDORS = ("nvidia", "amd", "google", "tpu", "intel", "tenstorrent")
_COUNT = re.compile(r"[0-9]*(\.\.[0-9]*)?\Z")
_SIZED = re.compile(r"[0-9.]+ ?[MGT]B", re.IGNORECASE)


class Cpu(Model):
    """CPUs: `4`, `4..8`, `arm:4..`, or the mapping."""

    arch: Literal["x86", "arm"] | None = None
    count: CountRange = Range(2, None)

    short: ClassVar[tuple[dict[str, Any], ...]] = (
        COUNT_SCHEMA,
        {"type": "string", "pattern": r"^(x86|arm)(:[0-9.]+)?$"},
    )

    @classmethod
    def expand(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.keys() & {"min", "max"}:
            return value
        if isinstance(value, str) and (value in ("x86", "arm") or ":" in value):
            arch, _, count = value.partition(":")
            return {"arch": arch.strip(), **({"count": count.strip()} if count else {})}
        return {"count": value}


class Disk(Model):
    """The disk of a machine: `100GB..` or the mapping."""

    size: SizeRange = Range(100, None)

    short: ClassVar[tuple[dict[str, Any], ...]] = (SIZE_RANGE_SCHEMA,)

    @classmethod
    def expand(cls, value: Any) -> Any:
        return value if isinstance(value, dict) and not value.keys() & {"min", "max"} else {"size": value}


def _capability(value: Any) -> tuple[int, int]:
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, int) for part in value):
        return int(value[0]), int(value[1])
    match = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,3})", str(value)) if isinstance(value, str | float) else None
    if match is None:
        raise wrong_type("a compute capability such as `8.0`")
    return int(match[1]), int(match[2])


_GPU_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._+-]*")
_COUNTED = re.compile(r"(?:(?P<first>[0-9]{1,3})[xX*])?(?P<name>[A-Za-z][A-Za-z0-9._+-]*?)(?:\*(?P<last>[0-9]{1,3}))?")
"""A name with a number of GPUs as other tools write it."""


def _names(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise wrong_type("the name of a GPU or a list of them")
    found = tuple(name.replace(" ", "") for name in names)  # `RTX 4090` is RTX4090, as dstack's short form has it
    if not all(found):
        raise wrong_value("the name of a GPU, such as `H100`")
    for name in found if isinstance(value, str) else ():  # a list may be one that a former release stored
        if not _GPU_NAME.fullmatch(name):
            counted = _COUNTED.fullmatch(name)
            many = counted and (counted["first"] or counted["last"])
            help = f"write `{counted['name']}:{many}` for {many} of them" if counted else None
            raise refusal("wrong-value", "expected the name of a GPU, such as `H100`", help)
    return found


Capability = Annotated[
    tuple[int, int],
    PlainValidator(_capability),
    PlainSerializer(list),
    Schema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "pattern": r"^[0-9]{1,3}\.[0-9]{1,3}$"},
                {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            ]
        }
    ),
]
GpuNames = Annotated[
    tuple[str, ...],
    PlainValidator(_names),
    PlainSerializer(list),
    Schema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}},
            ]
        }
    ),
]


class Gpu(Model):
    """GPUs: `1`, `H100:8`, `A100,H100:80GB:2`, `24GB..`, or the mapping."""

    vendor: Literal["nvidia", "amd", "google", "tpu", "intel", "tenstorrent"] | None = None
    name: GpuNames | None = None
    count: CountRange = Range(1, None)
    memory: SizeRange | None = None
    total_memory: SizeRange | None = None
    compute_capability: Capability | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "integer", "minimum": 0},
        {"type": "string", "minLength": 1},
    )

    @classmethod
    def expand(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return {"count": value}
        if not isinstance(value, str) or not value.strip():
            raise wrong_type("GPUs such as `H100:8`, `24GB..`, a count, or a mapping")
        long: dict[str, Any] = {}
        for token in value.replace(" ", "").split(":"):
            part = token
            if (key := _kind(part)) in long:
                raise wrong_value("each of vendor, name, memory and count once, as in `nvidia:A100:80GB:2`")
            long[key] = part.lower() if key == "vendor" else part
        return long


def _kind(token: str) -> str:
    """Which of the GPU's keys a piece of the short form is."""
    if not token:
        raise wrong_value("GPUs such as `H100:8`, without empty pieces")
    if token.lower() in VENDORS:
        return "vendor"
    if any(_SIZED.match(bound) for bound in token.split("..")):
        return "memory"
    return "count" if _COUNT.match(token) else "name"


_SHARED_MEMORY = Later("shared memory has the size that the machine gives it", refused=False, beside="image")


class Resources(Model):
    """What one node requires."""

    cpu: Cpu = Field(default_factory=Cpu)
    memory: SizeRange = Range(8, None)
    shm_size: Annotated[Size | None, _SHARED_MEMORY] = None
    gpu: Gpu | None = None
    disk: Disk | None = None  # dstack's default of 100GB would refuse most laptops

    def to_model(self) -> model.Resources:
        """The same in the planner's terms."""
        gpu = self.gpu
        wanted = None
        if gpu is not None and gpu.count.max != 0:
            wanted = model.GpuRequirement(
                gpu.count, gpu.name or (), gpu.vendor, gpu.memory, gpu.total_memory, gpu.compute_capability
            )
        disk = self.disk.size if self.disk else None
        return model.Resources(self.cpu.count, self.memory, disk, self.cpu.arch, wanted)
