"""Instance types as EC2 describes them, and what a launch needs to know of one."""

from dataclasses import dataclass
from sys import intern
from typing import Any

from atoll.model.offer import Market
from atoll.model.resources import Gpu, InstanceType

_ARCHS = {"x86_64": "x86", "arm64": "arm"}


@dataclass(frozen=True, slots=True)
class AwsType:
    """One type. `clusters` says whether a cluster placement group takes it; `markets` are those it is sold on; `nvme`
    says that its disks are NVMe devices.
    """

    type: InstanceType
    markets: tuple[Market, ...]
    clusters: bool
    nvme: bool = True

    @property
    def nvidia(self) -> bool:
        """Whether it has NVIDIA GPUs, whose driver the image needs."""
        return self.type.gpu is not None and self.type.gpu.vendor == "nvidia"


def read_types(found: list[Any]) -> list[AwsType]:
    """The types, less those that cannot run Linux from an EBS disk on x86-64 or ARM."""
    types = (_type(each) for each in found if _usable(each))
    return [each for each in types if each is not None]


def read_offered(found: list[Any]) -> list[tuple[str, str]]:
    """Which type is offered in which zone: pairs of names."""
    return [(intern(each["InstanceType"]), intern(each["Location"])) for each in found]


def _usable(each: Any) -> bool:
    return "ebs" in each.get("SupportedRootDeviceTypes", []) and "hvm" in each.get("SupportedVirtualizationTypes", [])


def _type(each: Any) -> AwsType | None:
    archs = [_ARCHS[arch] for arch in each["ProcessorInfo"].get("SupportedArchitectures", []) if arch in _ARCHS]
    if not archs:
        return None
    name = intern(each["InstanceType"])
    kind = InstanceType(
        name,
        float(each["VCpuInfo"]["DefaultVCpus"]),
        each["MemoryInfo"]["SizeInMiB"] / 1024,
        0,  # the root disk has the size that is requested
        archs[0],
        _gpu(each.get("GpuInfo", {}).get("Gpus", [])),
    )
    sold = each.get("SupportedUsageClasses", ["on-demand"])
    markets = tuple(market for market in (Market.ON_DEMAND, Market.SPOT) if market.value in sold)
    clusters = "cluster" in each.get("PlacementGroupInfo", {}).get("SupportedStrategies", [])
    return AwsType(kind, markets, clusters, each.get("EbsInfo", {}).get("NvmeSupport") == "required")


def _gpu(gpus: list[Any]) -> Gpu | None:
    if not gpus or not gpus[0].get("Count"):
        return None
    gpu = gpus[0]
    memory_gb = round(gpu.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024)
    return Gpu(
        gpu["Name"].replace(" ", ""), int(gpu["Count"]), memory_gb, gpu.get("Manufacturer", "").lower() or "nvidia"
    )
