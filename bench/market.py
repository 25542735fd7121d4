"""Catalogs of real size for the benchmarks, from the tables that moto carries of AWS.

moto (a test dependency) holds which instance type is offered in which zone, and what each type has. Each pair makes an
on-demand and a spot offer. AWS has one on-demand price in a region, and a spot price in each zone; the prices here are
seeded, and follow what a type has.
"""

import gzip
import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from atoll.model.catalog import AVAILABILITIES, MARKETS, UNTOLD, Catalog, Columns
from atoll.model.offer import Availability, Market
from atoll.model.resources import Gpu, InstanceType
from atoll.model.zone import Zone
from atoll.planning.snapshot import ExistingInstance

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
SEED = 4
FULL_SHARE = 0.03
"""The number of offers that are marked unavailable."""

_CAPABILITIES = {
    "T4": (7, 5),
    "V100": (7, 0),
    "A10G": (8, 6),
    "A100": (8, 0),
    "L4": (8, 9),
    "L40S": (8, 9),
    "H100": (9, 0),
}


@cache
def aws() -> Catalog:
    """All types of AWS in all its zones, on demand and spot."""
    zones, types, pairs = _tables()
    return _catalog(zones, types, pairs, np.random.default_rng(SEED))


@cache
def large(offers: int) -> Catalog:
    """This many offers: those of AWS, and of made-up backends that are like it and have types of their own."""
    zones, types, pairs = _tables()
    copies = -(-offers // (2 * len(pairs)))
    all_zones = [Zone(_backend(copy), z.region, z.name) for copy in range(copies) for z in zones]
    all_types = [t if copy == 0 else _renamed(t, copy) for copy in range(copies) for t in types]
    shifts = np.arange(copies)[:, None, None] * np.array([len(zones), len(types)])
    every = (pairs[None, :, :] + shifts).reshape(-1, 2)[: -(-offers // 2)]
    return _catalog(all_zones, all_types, every, np.random.default_rng(SEED))


def small(offers: int) -> Catalog:
    """This many offers of AWS, in all zones, drawn by lot."""
    zones, types, pairs = _tables()
    rng = np.random.default_rng(SEED)
    return _catalog(zones, types, rng.permutation(pairs)[: offers // 2], rng)


def instances(catalog: Catalog, count: int, fleets: int = 20) -> tuple[ExistingInstance, ...]:
    """Machines of as many fleets, 20 by default, over three regions of AWS, every fifth of them idle."""
    zones = [zone for zone in catalog.zones if zone.region in REGIONS]
    types = [kind for kind in catalog.table.types if kind.cpus == 8][:20]
    return tuple(
        ExistingInstance(
            id=f"i-{number}",
            zone=zones[number % len(zones)],
            instance_type=types[number % len(types)],
            market=Market.SPOT,
            price=0.1,
            fleet=f"old-{number % fleets}",
            node=number // fleets,
            busy=number % 5 != 0,
        )
        for number in range(count)
    )


def _backend(copy: int) -> str:
    return "aws" if copy == 0 else f"made-up-{copy}"


def _renamed(kind: InstanceType, copy: int) -> InstanceType:
    return InstanceType(f"m{copy}-{kind.name}", kind.cpus, kind.memory_gb, kind.disk_gb, kind.arch, kind.gpu)


def _catalog(zones: list[Zone], types: list[InstanceType], pairs: Any, rng: np.random.Generator) -> Catalog:
    base = np.array([t.cpus * 0.04 + t.memory_gb * 0.003 + _gpu_price(t) for t in types])
    base *= rng.uniform(0.85, 1.2, len(types))
    regions = {place: rng.uniform(1, 1.4) for place in dict.fromkeys((z.backend, z.region) for z in zones)}
    factor = np.array([regions[zone.backend, zone.region] for zone in zones])
    zone, kind = pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)
    on_demand = np.round(base[kind] * factor[zone], 4)
    spot = np.round(on_demand * rng.uniform(0.2, 0.7, len(pairs)), 4)
    available = AVAILABILITIES.index(Availability.AVAILABLE)
    full = AVAILABILITIES.index(Availability.UNAVAILABLE)
    columns = Columns(
        np.concatenate([zone, zone]),
        np.concatenate([kind, kind]),
        np.repeat(np.array([MARKETS.index(m) for m in (Market.ON_DEMAND, Market.SPOT)], dtype=np.uint8), len(pairs)),
        np.concatenate([on_demand, spot]),
        np.where(rng.random(2 * len(pairs)) < FULL_SHARE, full, available).astype(np.uint8),
        np.full(2 * len(pairs), UNTOLD, dtype=np.int32),
    )
    return Catalog(zones, types, columns, AS_OF)


def _gpu_price(kind: InstanceType) -> float:
    return kind.gpu.count * (0.2 + kind.gpu.memory_gb * 0.02) if kind.gpu else 0


@cache
def _tables() -> tuple[list[Zone], list[InstanceType], Any]:
    """Zones, types, and the pairs of them that are offered, as positions."""
    types = {name: _type(name, facts) for name, facts in sorted(_load("instance_types.json.gz").items())}
    place = {name: i for i, name in enumerate(types)}
    zones: list[Zone] = []
    pairs: list[tuple[int, int]] = []
    folder = files("moto") / "ec2/resources/instance_type_offerings/availability-zone"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        region = file.name.removesuffix(".json.gz")
        numbers: dict[str, int] = {}
        for offering in json.loads(gzip.decompress(file.read_bytes())):
            name = offering["Location"]
            if name not in numbers:
                numbers[name] = len(zones)
                zones.append(Zone("aws", region, name))
            pairs.append((numbers[name], place[offering["InstanceType"]]))
    return zones, list(types.values()), np.array(pairs)


def _load(name: str) -> Any:
    return json.loads(gzip.decompress((files("moto") / "ec2/resources" / name).read_bytes()))


def _type(name: str, facts: Any) -> InstanceType:
    gpus = facts.get("GpuInfo", {}).get("Gpus", [])
    gpu = None
    if gpus:
        first = gpus[0]
        memory = first.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024
        gpu = Gpu(
            first["Name"], first["Count"], memory, first["Manufacturer"].casefold(), _CAPABILITIES.get(first["Name"])
        )
    arch = "arm" if "arm64" in facts["ProcessorInfo"]["SupportedArchitectures"] else "x86"
    disk = facts.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)
    return InstanceType(
        name, facts["VCpuInfo"]["DefaultVCpus"], facts["MemoryInfo"]["SizeInMiB"] / 1024, disk, arch, gpu
    )
