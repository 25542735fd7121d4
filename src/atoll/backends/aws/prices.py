"""Prices: on demand from the Pricing API, by type; spot from EC2's history, by zone and type. In USD an hour."""

import json
from sys import intern
from typing import Any

LINUX = "Linux/UNIX"


def price_filters(region: str) -> list[dict[str, str]]:
    """What `GetProducts` is filtered by: Linux on shared hardware in one region, without anything preinstalled."""
    fields = {
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }
    return [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]


def read_prices(found: list[Any]) -> list[tuple[str, float]]:
    """Types with their prices, from the `PriceList` of `GetProducts`, whose items are JSON texts."""
    prices: list[tuple[str, float]] = []
    for text in found:
        item = json.loads(text) if isinstance(text, str) else text
        name = item.get("product", {}).get("attributes", {}).get("instanceType")
        for term in item.get("terms", {}).get("OnDemand", {}).values():
            for dimension in term.get("priceDimensions", {}).values():
                price = float(dimension.get("pricePerUnit", {}).get("USD", 0))
                if name and price > 0:  # 0 USD is a price of capacity that was reserved, and paid elsewhere
                    prices.append((name, price))
    return prices


SpotPrice = tuple[str, str, Any, float]
"""Zone, type, time and price."""


def read_spot_prices(found: list[Any]) -> list[SpotPrice]:
    """The prices of `DescribeSpotPriceHistory`."""
    return [
        (intern(each["AvailabilityZone"]), intern(each["InstanceType"]), each["Timestamp"], float(each["SpotPrice"]))
        for each in found
    ]


def newest(prices: list[SpotPrice]) -> dict[tuple[str, str], float]:
    """The newest price by zone and type."""
    return {(zone, name): price for zone, name, _, price in sorted(prices, key=lambda each: each[2])}
