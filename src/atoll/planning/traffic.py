"""What traffic between zones costs, where a run's nodes lie apart. Shown in the plan; it does not decide."""

from collections.abc import Collection

from atoll.model.zone import Zone

PER_GB = {"aws": 0.02, "gcp": 0.01}
"""USD a GB between two zones of one region, as of 2026: AWS bills $0.01 out and $0.01 in, Google Cloud $0.01 once
(per GiB); Azure nothing since 2025. Backends that are absent bill nothing or are not known to."""


def traffic(zones: Collection[Zone]) -> float:
    """USD a GB between the zones that a run uses; 0 in one zone, and where nothing is known."""
    places = {(zone.backend, zone.region) for zone in zones}
    apart = [place for place in places if sum((z.backend, z.region) == place for z in zones) > 1]
    return max((PER_GB.get(backend, 0.0) for backend, _ in apart), default=0.0)
