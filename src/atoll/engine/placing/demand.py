"""The demands of documents and records: specs turned into planning requests."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import overload

import msgspec

from atoll.configuration import Document as Written
from atoll.configuration import spec_from_json
from atoll.configuration.reading.document import Spec
from atoll.configuration.types.fleet import Fleet as FleetSpec
from atoll.configuration.types.hosts import Ssh
from atoll.configuration.types.mount import VolumeMount
from atoll.configuration.types.profile import Selection
from atoll.configuration.types.run import Run as RunSpec
from atoll.configuration.types.run import Task as TaskSpec
from atoll.configuration.types.volume import Volume as VolumeSpec
from atoll.engine.placing.hosts import SSH, division_of, hosts_of
from atoll.model.reasons import RetryEvent
from atoll.model.records import Fleet, Instance, Job, Run, Volume
from atoll.model.resources import Range, Resources
from atoll.model.states import InstanceState
from atoll.planning.request import (
    Binding,
    Document,
    ElasticFleet,
    FleetRequest,
    MountRequest,
    NodeRequest,
    OnShortage,
    Placement,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from atoll.planning.shape import Member
from atoll.reconcile.run import RetryPolicy


def digests_of(spec: RunSpec) -> frozenset[str]:
    """The archives of files that a run needs."""
    return frozenset(entry.digest for entry in spec.files if entry.digest is not None)


def demand_of(document: Written, project: str) -> Document:
    """The requirements of a document of which nothing exists yet."""
    match document.spec:
        case VolumeSpec() as spec:
            return volume_request(document.name, spec)
        case FleetSpec() as spec:
            return fleet_request(document.name, spec, spec.nodes.target)
        case RunSpec() as spec:
            return run_request(document.name, spec, tuple(range(nodes_of(spec))), project)
        case _:
            raise ValueError(f"a document of type `{document.type}` is not placed")


def fleet_request(name: str, spec: FleetSpec, nodes: int) -> FleetRequest:
    """A fleet's demand; that of one with hosts of its own names them."""
    placement = spec.placement
    requirements = _requirements(spec) if spec.ssh_config is None else _hosts_of(spec, spec.ssh_config)
    return FleetRequest(
        name,
        nodes,
        requirements,
        Placement(
            Strategy(placement.strategy),
            placement.max_skew,
            placement.min_zones,
            OnShortage(placement.on_shortage),
            placement.survive_zones,
            placement.max_zones,
            placement.max_share,
        ),
        division_of(spec),
    )


def members_of(instances: Iterable[Instance], claims: Iterable[Job]) -> list[Member]:
    """The staying ones of a fleet's instances, as members of its shape."""
    busy = {job.instance_id for job in claims}
    return [
        Member(
            instance.id,
            instance.zone,
            instance.node,
            instance.id in busy,
            instance.state is InstanceState.ACTIVE and not instance.unreachable,
            instance.leaves,
        )
        for instance in instances
        if not instance.end_reason
    ]


def elastic_fleet(fleet: Fleet) -> ElasticFleet:
    """A kept fleet as one that may grow for runs."""
    spec = spec_of(fleet)
    held = fleet.message if fleet.hold else ""
    return ElasticFleet(fleet_request(fleet.name, spec, fleet.nodes), spec.nodes.max, held)


def run_request(name: str, spec: RunSpec, ranks: tuple[int, ...], project: str) -> RunRequest:
    """A run's demand, for the ranks that are to be placed."""
    return RunRequest(
        name,
        tuple(NodeRequest(rank, _mounts(spec, rank)) for rank in ranks),
        replace(_requirements(spec), containers=spec.image is not None),
        fleets=tuple(own_name(fleet, project) for fleet in spec.fleets) if spec.fleets else None,
        may_create=spec.creation_policy == "reuse-or-create",
        placement=_placement(spec),
    )


def _placement(spec: RunSpec) -> Placement:
    """How the nodes of a run lie to each other; only tasks have several."""
    if not isinstance(spec, TaskSpec):
        return Placement(Strategy.REGION)
    return Placement(Strategy(spec.placement.strategy), spec.placement.max_skew)


def retry_policy(spec: RunSpec) -> RetryPolicy:
    """The retry policy of a run's spec."""
    if not spec.retry:
        return RetryPolicy()
    duration = spec.retry.duration
    policy = RetryPolicy(tuple(RetryEvent(event) for event in spec.retry.on_events))
    return policy if duration is None else replace(policy, duration=timedelta(seconds=duration))


def own_name(fleet: str, project: str) -> str:
    """The name of a fleet that a run of `project` names; one of another project keeps that before its name."""
    return fleet.removeprefix(f"{project}/")


def volume_request(name: str, spec: VolumeSpec) -> VolumeRequest:
    """A volume's demand."""
    binding = Binding(spec.binding_mode)
    return VolumeRequest(name, size_of(spec), spec.backend, spec.region or None, spec.availability_zone, binding)


def size_of(spec: VolumeSpec) -> float:
    """A volume's size in GB. A plan fills in that of an existing disk before."""
    assert spec.size is not None
    return spec.size


@overload
def spec_of(record: Fleet) -> FleetSpec: ...
@overload
def spec_of(record: Volume) -> VolumeSpec: ...
@overload
def spec_of(record: Run) -> RunSpec: ...
def spec_of(record: Fleet | Volume | Run) -> FleetSpec | VolumeSpec | RunSpec:
    """The spec that a record was made from."""
    type_ = record.type if isinstance(record, Run) else record.kind
    spec = _spec(type_, msgspec.json.encode(record.config))
    assert isinstance(spec, FleetSpec | VolumeSpec | RunSpec)
    return spec


def selection_of(document: Written) -> Selection:
    """The spec of a document that is placed on offers: a fleet or run."""
    assert isinstance(document.spec, Selection), document.type
    return document.spec


def run_of(document: Written) -> RunSpec:
    """The spec of a run's document."""
    assert isinstance(document.spec, RunSpec), document.type
    return document.spec


def nodes_of(spec: RunSpec) -> int:
    """How many nodes a run has; only tasks have several."""
    return spec.nodes if isinstance(spec, TaskSpec) else 1


@lru_cache(maxsize=1024)
def _spec(type_: str, config: bytes) -> Spec:
    """Each turn of work on a record reads its spec, which is parsed again only where the configuration changed."""
    return spec_from_json(type_, msgspec.json.decode(config))


def mount_paths(run: Run, job: Job) -> tuple[str, ...]:
    """Where a job's volumes shall appear, in the order of its chosen volumes."""
    return tuple(mount.path for mount in _mounts(spec_of(run), job.rank))


def volume_names(spec: RunSpec) -> Mapping[str, tuple[str | int, ...]]:
    """Every volume that a run's spec names, with the place of its mount in the document."""
    return {
        name: ("volumes", index)
        for rank in range(nodes_of(spec))
        for index, mount in enumerate(spec.volumes)
        for name in (mount.names_for(rank) if isinstance(mount, VolumeMount) else ())
    }


def _mounts(spec: RunSpec, rank: int) -> tuple[MountRequest, ...]:
    return tuple(
        MountRequest(tuple(mount.names_for(rank)), mount.path)
        for mount in spec.volumes
        if isinstance(mount, VolumeMount)
    )


def _requirements(spec: FleetSpec | RunSpec) -> Requirements:
    return Requirements(
        spec.resources.to_model(),
        _names(spec.backends),
        _names(spec.regions),
        _names(spec.availability_zones),
        _names(spec.instance_types),
        SpotPolicy(spec.spot_policy),
        spec.max_price,
    )


def _hosts_of(spec: FleetSpec, ssh: Ssh) -> Requirements:
    sized = "resources" in spec.model_fields_set
    resources = spec.resources.to_model() if sized else Resources(cpus=Range(), memory_gb=Range())
    names = tuple(host.name for host in hosts_of(ssh))
    return Requirements(resources, backends=(SSH,), instance_types=names, owned=True)


def _names(values: Iterable[object] | None) -> tuple[str, ...] | None:
    return tuple(str(value) for value in values) if values else None
