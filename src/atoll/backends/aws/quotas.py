"""vCPU quotas: each covers families of instance types on one market of a region.

Source: Amazon EC2 user guide, "Amazon EC2 instance type quotas"; the codes are those of Service Quotas.
"""

import re
from collections.abc import Mapping
from typing import Any

from atoll.model.offer import Market

_FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("g vt gr", "L-DB2E81BA", "L-3819A6DF"),
    ("p", "L-417A185B", "L-7212CCBC"),
    ("x", "L-7295265B", "L-E3A00192"),
    ("f", "L-74FC7D96", "L-88CF9481"),
    ("inf", "L-1945791B", "L-B5D1601B"),
    ("trn", "L-2C3B7624", "L-6B0D517C"),
    ("dl", "L-6E869C2A", "L-85EED4F7"),
    ("a c d h i m r t z im is", "L-1216C47A", "L-34B43A08"),
)
"""Families by the letters before the generation's number, with the codes for on-demand and spot."""

_LETTERS = re.compile(r"[a-z]+")


def quota_code(instance_type: str, market: Market) -> str | None:
    """The code of the quota that a type counts against; None where it has one of its own, such as high memory."""
    letters = _LETTERS.match(instance_type)
    if letters is None:
        return None
    for families, on_demand, spot in _FAMILIES:
        if letters[0] in families.split():
            return on_demand if market is Market.ON_DEMAND else spot
    return None


def read_quotas(found: list[Any]) -> dict[str, float]:
    """vCPUs by the quota's code."""
    return {each["QuotaCode"]: float(each["Value"]) for each in found if "QuotaCode" in each and "Value" in each}


def machines_within(
    instance_type: str, cpus: float, market: Market, quotas: Mapping[str, float], used: Mapping[str, float]
) -> int | None:
    """How many more machines of a type the quota allows, `used` being vCPUs in use by code; None: not known."""
    code = quota_code(instance_type, market)
    if code is None or code not in quotas:
        return None
    return max(0, int((quotas[code] - used.get(code, 0)) // max(cpus, 1)))
