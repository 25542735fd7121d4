"""What the engine needs of the backend of hosts that users own, beside what every backend does."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from atoll.model.zone import Zone
from atoll.tunnels.host import Host


class OwnHosts(Protocol):
    """Machines that users own and declare."""

    def zone_of(self, host: Host) -> Zone:
        """The zone where a host is declared to be."""
        ...

    async def consider(self, hosts: Collection[Host]) -> Mapping[str, str]:
        """Look at hosts that a plan names, within seconds: why some cannot be used, by the host's name."""
        ...

    async def look_for_engines(self) -> None:
        """Look again, within seconds, at the hosts without a container engine."""
        ...

    async def unended(self) -> Sequence[str]:
        """The hosts that do not answer and have an agent that ends when they do."""
        ...
