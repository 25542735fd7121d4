"""Placement groups: instances of one `cluster` fleet are close to each other in one zone."""

from atoll.backends.aws.clients import Clients
from atoll.backends.base import BackendError, InvalidRequest, LaunchRequest

PREFIX = "atoll-"
_EXISTS = "InvalidPlacementGroup.Duplicate"


class PlacementGroups:
    """One group for each fleet and zone, which exists while instances are in it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def of(self, request: LaunchRequest) -> str:
        """The name of the group of a request that has one, which is created where it does not exist."""
        region = request.zone.region
        name = f"{PREFIX}{request.group}-{request.zone.name}"
        try:
            await self._clients.call(region, "ec2", "create_placement_group", GroupName=name, Strategy="cluster")
        except InvalidRequest as error:
            if not error.message.startswith(_EXISTS):
                raise
        return name

    async def release(self, name: str, region: str) -> None:
        """Delete a group of ours that no instance is in any more. One that cannot be deleted stays."""
        if not name.startswith(PREFIX):
            return
        try:
            await self._clients.call(region, "ec2", "delete_placement_group", GroupName=name)
        except BackendError:
            return
