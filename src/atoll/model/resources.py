"""The resources of machines, and configurations' requirements for them. Memory and disk are in GB (2**30 bytes)."""

from dataclasses import dataclass

from atoll.model.zone import Capacity


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range of numbers; a bound that is None is open."""

    min: float | None = None
    max: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        if self.min is not None and self.min == self.max:
            return f"{self.min:g}"
        low = "" if self.min is None else f"{self.min:g}"
        high = "" if self.max is None else f"{self.max:g}"
        return f"{low}..{high}"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The GPUs of an instance type: all alike; `memory_gb` is that of one."""

    name: str
    count: int
    memory_gb: float
    vendor: str = "nvidia"
    compute_capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One size of machine that a backend offers.

    `containers` is the container engine that such a machine has, `docker` or `podman`; empty where it has none, None
    where that is not known.
    """

    name: str
    cpus: float
    memory_gb: float
    disk_gb: float = 0
    arch: str = "x86"
    gpu: Gpu | None = None
    containers: str | None = None

    @property
    def capacity(self) -> Capacity:
        """What one machine of this type takes from its zone."""
        return Capacity(self.cpus, self.memory_gb, self.gpu.count if self.gpu else 0)


@dataclass(frozen=True, slots=True)
class GpuRequirement:
    """Requirements for GPUs; an empty `names` is any name, and `total_memory_gb` is over all GPUs of one machine."""

    count: Range = Range(1, None)
    names: tuple[str, ...] = ()
    vendor: str | None = None
    memory_gb: Range | None = None
    total_memory_gb: Range | None = None
    compute_capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources that one node requires. `disk_gb` None means no requirement."""

    cpus: Range = Range(2, None)
    memory_gb: Range = Range(8, None)
    disk_gb: Range | None = None
    arch: str | None = None
    gpu: GpuRequirement | None = None
