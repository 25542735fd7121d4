"""Launch requests: what a backend needs to know of an instance."""

from atoll.backends.base import LaunchRequest, Tags
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.model.offer import Market
from atoll.model.records import Fleet, Instance
from atoll.planning.request import Strategy


def launch_request(fleet: Fleet | None, instance: Instance, owner: str) -> LaunchRequest:
    """The launch of an instance of `fleet`, tagged with the installation's id `owner`.

    A fleet that a run created has the run's resources and price limit in its configuration.
    """
    max_price, disk_gb, group = None, None, ""
    if fleet is not None and "type" in fleet.config:  # former releases kept less for a run's own fleet
        request = fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
        max_price, disk = request.requirements.max_price, request.requirements.resources.disk_gb
        disk_gb = None if disk is None else disk.min
        group = fleet.id if request.placement.strategy is Strategy.CLUSTER else ""
    return LaunchRequest(
        instance.zone,
        instance.instance_type.name,
        instance.market,
        Tags(owner, instance.id, instance.name),
        max_price if instance.market is Market.SPOT else None,
        disk_gb,
        group,
    )
