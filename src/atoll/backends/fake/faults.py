"""Simulated outages of a fake cloud's zones."""

from atoll.backends.fake.cloud import FakeCloud
from atoll.model.zone import Zone


class FakeFaults:
    """The outages of one cloud."""

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud

    async def fail(self, zone: Zone) -> None:
        """Fail the zone: its machines end."""
        self._cloud.check_zone(zone)
        self._cloud.fail_zone(zone.name)

    async def restore(self, zone: Zone) -> None:
        """Restore the zone, be it failed or dark."""
        self._cloud.check_zone(zone)
        self._cloud.restore_zone(zone.name)
