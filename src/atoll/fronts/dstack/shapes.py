"""Atoll's views in dstack's shapes, as values of JSON."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from atoll.engine.queries.declared import Declared
from atoll.fronts.dstack import states
from atoll.fronts.dstack.backends import WITH_VOLUMES, Names
from atoll.fronts.dstack.ids import named, to_uuid
from atoll.model.access import Role, User
from atoll.model.offer import UNKNOWN_PRICE
from atoll.model.resources import InstanceType
from atoll.model.states import JOB, RUN, JobState
from atoll.model.zone import Zone
from atoll.planning.offers import FoundOffer
from atoll.planning.plan import NodePlacement, Source
from atoll.wire.api import EventView, FleetView, InstanceView, JobView, RunView, VolumeView

Json = dict[str, Any]
MIB = 1024
_GPU = re.compile(r"(.+):(\d{1,4})")
_TARGETS = {"fleet": "fleet", "instance": "instance", "run": "run", "job": "job", "volume": "volume"}


def user(found: User) -> Json:
    """A user. Atoll's users have no address and no key."""
    return {
        "id": named("user", found.name),
        "username": found.name,
        "created_at": found.created_at,
        "global_role": "admin" if found.admin else "user",
        "email": None,
        "active": True,
        "permissions": {"can_create_projects": found.admin},
        "ssh_public_key": None,
    }


def member(found: User, role: Role) -> Json:
    """A member of a project."""
    manages = role is Role.MANAGER
    return {
        "user": user(found),
        "project_role": role.value,
        "permissions": {"can_manage_ssh_fleets": True, "can_manage_secrets": manages},
    }


def resources(cpus: float, memory_gb: float, gpus: Sequence[Json], market: str, disk_gb: float = 0) -> Json:
    """A machine's resources."""
    return {
        "cpus": int(cpus),
        "memory_mib": int(memory_gb * MIB),
        "gpus": list(gpus),
        "spot": market == "spot",
        "disk": {"size_mib": int(disk_gb * MIB)},
    }


def offer(placement: NodePlacement, names: Names) -> Json:
    """Where a node goes, as an offer: `idle` for a machine that exists."""
    zone, type_ = placement.zone, placement.instance_type
    machine = resources(type_.cpus, type_.memory_gb, _gpus(type_), placement.market, type_.disk_gb)
    availability = "available" if placement.source is Source.NEW else "idle"
    return _offer(zone, type_.name, machine, placement.price, availability, names)


def found_offer(found: FoundOffer, names: Names) -> Json:
    """An offer of a search; `not_available` where it cannot be had now."""
    one = found.offer
    type_ = one.instance_type
    machine = resources(type_.cpus, type_.memory_gb, _gpus(type_), one.market, type_.disk_gb)
    return _offer(one.zone, type_.name, machine, one.price, "not_available" if found.refusal else "available", names)


def range_text(value: Any) -> str:
    """A requirement of a client as the text of a configuration file: `2..8`, `16..`, `H100:24GB..:1..`."""
    if not isinstance(value, Mapping):
        return str(value)
    if "min" in value or "max" in value:
        low, high = value.get("min", ""), value.get("max", "")
        return str(low) if low == high else f"{low}..{high}"
    if "count" in value and "name" not in value and "memory" not in value:
        return range_text(value["count"])
    names = value.get("name")
    parts = [",".join(map(str, names))] if isinstance(names, list) else []
    parts += [range_text(value[key]) for key in ("memory", "count") if key in value]
    return ":".join(parts)


def _gpus(type_: InstanceType) -> list[Json]:
    gpu = type_.gpu
    return [] if gpu is None else [_gpu(gpu.name, gpu.memory_gb, gpu.vendor)] * gpu.count


def _offer(zone: Zone, type_: str, machine: Json, price: float, availability: str, names: Names) -> Json:
    return {
        "backend": names.theirs(zone.backend),
        "instance": {"name": type_, "resources": machine},
        "region": zone.region,
        "price": _dollars(price),
        "availability": availability,
        "availability_zones": [zone.name] if zone.name else None,
        "backend_data": {},
    }


def _dollars(price: float | None) -> float:
    """A price for a client whose shapes have no unknown one: 0, as of its own backends that do not say prices."""
    return 0.0 if price is None or price == UNKNOWN_PRICE else price


def _gpu(name: str, memory_gb: float, vendor: str) -> Json:
    return {"name": name, "memory_mib": int(memory_gb * MIB), "vendor": vendor}


def instance(view: InstanceView, project: str, fleet_id: str, names: Names) -> Json:
    """A machine of a fleet."""
    return {
        "id": to_uuid(view.id),
        "project_name": project,
        "backend": names.theirs(view.zone.backend),
        "instance_type": _type(view),
        "name": view.name,
        "fleet_id": fleet_id,
        "fleet_name": view.fleet,
        "instance_num": view.node,
        "hostname": None,
        "status": states.INSTANCE[view.status],
        "unreachable": view.status == "unreachable",
        "termination_reason": view.reason or None,
        "termination_reason_message": view.message or None,
        "created": view.created_at,
        "region": view.zone.region,
        "availability_zone": view.zone.name or None,
        "price": _dollars(view.price),
        "total_blocks": 1,
        "busy_blocks": 1 if view.runs else 0,
    }


def _type(view: InstanceView) -> Json:
    match = _GPU.fullmatch(view.gpu)
    gpus = [_gpu(match[1], 0, "nvidia")] * int(match[2]) if match else []
    return {"name": view.instance_type, "resources": resources(view.cpus, view.memory_gb, gpus, view.market)}


def fleet(found: Declared[FleetView], project: str, names: Names) -> Json:
    """A fleet with its machines."""
    view, id = found.view, to_uuid(found.view.id)
    return {
        "id": id,
        "name": view.name,
        "project_name": project,
        "spec": {"configuration": _fleet_configuration(found), "configuration_path": None, "profile": {"name": ""}},
        "created_at": view.created_at,
        "status": states.FLEET[view.status],
        "status_message": view.message or view.note or None,
        "instances": [instance(one, project, id, names) for one in view.instances],
    }


def _fleet_configuration(found: Declared[FleetView]) -> Json:
    nodes = found.config.get("nodes", found.view.nodes)
    placement = "cluster" if found.view.strategy == "cluster" else "any"
    return {"type": "fleet", "name": found.view.name, "nodes": nodes, "placement": placement, **_common(found.config)}


def _common(config: Mapping[str, Any]) -> Json:
    """The keys that both have in the same form."""
    keys = ("resources", "regions", "availability_zones", "fleets", "spot_policy", "max_price")
    return {key: config[key] for key in keys if key in config}


def volume(view: VolumeView, project: str, names: Names) -> Json | None:
    """A volume; None for one of a backend whose volumes the clients cannot read."""
    backend = names.theirs(view.backend)
    if backend not in WITH_VOLUMES:
        return None
    region, zone = (view.zone.region, view.zone.name) if view.zone else ("", "")
    provisioned = {
        "backend": backend,
        "volume_id": view.backend_id,
        "size_gb": round(view.size_gb),
        "availability_zone": zone or None,
        "attachable": True,
        "detachable": True,
    }
    return {
        "id": to_uuid(view.id),
        "name": view.name,
        "user": "",
        "project_name": project,
        "configuration": _volume_configuration(view, backend, region, zone),
        "external": False,
        "created_at": view.created_at,
        "last_processed_at": view.created_at,
        "status": states.VOLUME[view.status],
        "status_message": view.message or None,
        "deleted": view.status == "deleted",
        "volume_id": view.backend_id,
        "provisioning_data": provisioned if view.backend_id else None,
        "cost": 0.0,
        "attachments": [_attachment(name) for name in view.attached_to],
    }


def _volume_configuration(view: VolumeView, backend: str, region: str, zone: str) -> Json:
    place = {"region": region} | ({"availability_zone": zone} if zone and backend in ("aws", "gcp") else {})
    size = {"size": f"{view.size_gb:g}GB"}
    return {
        "type": "volume",
        "name": view.name,
        "backend": backend,
        **size,
        **(place if backend != "kubernetes" else {}),
    }


def _attachment(name: str) -> Json:
    fleet_name, _, node = name.rpartition("-")
    number = int(node) if node.isascii() and node.isdigit() else 0
    return {"instance": {"name": name, "fleet_name": fleet_name or None, "instance_num": number}}


def run(found: Declared[RunView], project: str, names: Names) -> Json:
    """A run with its jobs and their attempts."""
    view = found.view
    ended = view.status in RUN.final
    jobs = [_job(view, job, found.config, names) for job in view.jobs]
    newest = max(view.jobs, key=lambda job: job.submission, default=None)
    return {
        "id": to_uuid(view.id),
        "project_name": project,
        "user": "",
        "fleet": _run_fleet(view),
        "submitted_at": view.created_at,
        "last_processed_at": view.finished_at or view.created_at,
        "status": states.RUN[view.status],
        "status_message": states.RUN[view.status],
        "termination_reason": states.RUN_ENDS[view.status] if ended else None,
        "run_spec": run_spec(view.name, configuration(view.name, view.type, found.config)),
        "jobs": jobs,
        "latest_job_submission": None if newest is None else submission(view, newest, names),
        "cost": 0.0,
        "error": view.message if view.status == "failed" else None,
        "deleted": False,
    }


def _run_fleet(view: RunView) -> Json | None:
    name = next((job.fleet for job in view.jobs if job.fleet), None)
    return None if name is None else {"id": named("fleet", name), "name": name}


def configuration(name: str, type: str, config: Mapping[str, Any]) -> Json:
    """A run's configuration as far as it may be shown: no variable's value."""
    commands = list(config.get("commands") or [":"])
    nodes = {"nodes": config.get("nodes", 1)} if type == "task" else {}
    return {"type": type, "name": name, "commands": commands, **nodes, **_common(config)}


def run_spec(name: str, configuration: Json) -> Json:
    """The specification of a run."""
    return {
        "run_name": name,
        "repo_id": "none",
        "repo_data": {"repo_type": "virtual"},
        "configuration": configuration,
        "profile": {"name": "default"},
        "ssh_key_pub": "",
    }


def job_spec(name: str, rank: int, config: Mapping[str, Any]) -> Json:
    """The specification of one job. Clients fail where `app_specs` is null."""
    return {
        "replica_num": 0,
        "job_num": rank,
        "job_name": f"{name}-{rank}-0",
        "jobs_per_replica": config.get("nodes", 1),
        "app_specs": [],
        "commands": list(config.get("commands") or []),
        "env": {},
        "image_name": config.get("image") or "",
        "requirements": {"resources": config.get("resources") or {}, "max_price": config.get("max_price")},
        "max_duration": None,
        "working_dir": None,
    }


def _job(view: RunView, job: JobView, config: Mapping[str, Any], names: Names) -> Json:
    attempts = [*(earlier for earlier in view.attempts if earlier.rank == job.rank), job]
    return {
        "job_spec": job_spec(view.name, job.rank, config),
        "job_submissions": [submission(view, attempt, names) for attempt in attempts],
        "job_connection_info": None,
    }


def submission(view: RunView, job: JobView, names: Names) -> Json:
    """One attempt of a job."""
    ended, failed = job.status in JOB.final, job.status == JobState.FAILED
    state = states.JOB[JobState(job.status)]
    reason = states.JOB_ENDS.get(JobState(job.status))
    if failed:
        reason = "container_exited_with_error" if job.exit_code else "instance_unreachable"
    return {
        "id": to_uuid(job.id),
        "submission_num": job.submission,
        "submitted_at": job.started_at or view.created_at,
        "last_processed_at": job.finished_at or job.started_at or view.created_at,
        "finished_at": job.finished_at,
        "status": state,
        "status_message": f"exited ({job.exit_code})" if failed and job.exit_code else state,
        "termination_reason": reason if ended else None,
        "termination_reason_message": job.message or None,
        "exit_status": job.exit_code,
        "job_provisioning_data": None if job.zone is None else _provisioning(view, job, job.zone, names),
        "error": job.message if failed else None,
    }


def _provisioning(view: RunView, job: JobView, zone: Zone, names: Names) -> Json:
    machines = max(1, len(view.jobs))
    machine = {"name": job.instance_type or "", "resources": resources(0, 0, [], "")}
    return {
        "backend": names.theirs(zone.backend),
        "instance_type": machine,
        "instance_id": job.instance or "",
        "hostname": None,
        "region": zone.region,
        "availability_zone": zone.name or None,
        "price": _dollars(view.price) / machines,
        "username": "",
        "dockerized": False,
    }


def event(view: EventView, project: str) -> Json:
    """A change of state, with its zone in the message."""
    return {
        "id": to_uuid(f"{view.seq:016x}"),
        "message": event_text(view),
        "recorded_at": view.time,
        "actor_user_id": named("user", view.actor) if view.actor else None,
        "actor_user": view.actor or None,
        "is_actor_user_deleted": False if view.actor else None,
        "targets": [
            {
                "type": _TARGETS.get(view.kind, "project"),
                "project_id": named("project", project),
                "project_name": project,
                "is_project_deleted": False,
                "id": named(view.kind, view.name),
                "name": view.name,
            }
        ],
    }


def event_text(view: EventView) -> str:
    """The change in words."""
    change = view.to_state if view.from_state in ("", view.to_state) else f"{view.from_state} -> {view.to_state}"
    zone = "" if view.zone is None else f" in {view.zone.name or view.zone.region}"
    reason = "" if not view.reason or view.reason == change else f" ({view.reason})"
    return f"{view.kind} {view.name}: {change}{zone}{reason}" + (f": {view.message}" if view.message else "")
