"""The zones of a region as EC2 describes them, with what keeps machines from them."""

from typing import Any

from atoll.backends.aws.network import Network
from atoll.model.zone import Zone, ZoneInfo, ZoneKind, ZoneState


def read_zones(region: str, found: list[Any], network: Network) -> tuple[ZoneInfo, ...]:
    """All zones, those not opted in and those without a subnet too, each with its state and the reason."""
    return tuple(sorted((_zone(region, each, network) for each in found), key=lambda info: info.zone))


def _zone(region: str, each: Any, network: Network) -> ZoneInfo:
    name = each["ZoneName"]
    zone = Zone("aws", region, name, each.get("ZoneId"), ZoneKind(each.get("ZoneType", "availability-zone")))
    if each.get("OptInStatus") == "not-opted-in":
        group = each.get("GroupName", name)
        return ZoneInfo(zone, ZoneState.NOT_OPTED_IN, f"enable the zone group {group} in the account first")
    messages = "; ".join(message["Message"] for message in each.get("Messages", []) if message.get("Message"))
    if each.get("State", "available") != "available":
        return ZoneInfo(zone, ZoneState.IMPAIRED, messages or f"AWS reports the zone as {each['State']}")
    if reason := network.why_not(name):
        return ZoneInfo(zone, ZoneState.IMPAIRED, reason)
    return ZoneInfo(zone, ZoneState.AVAILABLE, messages)
