"""The local backend's machines: agents started, found, described and ended. Everything here blocks, for a bounded time.

A launch writes its record before the agent is started, and the agent's pid after it. A crash between the two leaves a
record without an agent: the same token again looks for a process that bears the machine's mark, takes it up when there
is one, and starts it when there is none.
"""

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from atoll.agent.bundle import write_agent
from atoll.backends.base import (
    CapacityUnavailable,
    InvalidRequest,
    LaunchRequest,
    Machine,
    MachineState,
    NotFound,
    NotOffered,
    Unavailable,
)
from atoll.backends.local import process
from atoll.backends.local.config import REGION, LocalConfig, LocalZone
from atoll.backends.local.records import MachineRecord, Records, new_id
from atoll.backends.local.sockets import socket_path
from atoll.model.endpoint import UnixSocket
from atoll.model.failure import Scope
from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.system_error import error_words
from atoll.model.zone import Capacity, Zone

KEEP_DEAD_SECONDS = 600
"""How long a machine is reported as GONE, from when its end was noticed, before it is unknown."""
REMEMBERED = 1000
"""How many terminated machines are reported as GONE by the process that terminated them."""

AgentCommand = Callable[[Path, str, Path], Sequence[str]]
"""From a machine's state folder, its id and its socket to the command line of its agent."""


def agent_command(state: Path, machine: str, socket: Path) -> Sequence[str]:
    """The agent that comes with Atoll, as one file beside the machines' folders. Raises OSError."""
    return (
        sys.executable,
        "-IS",
        str(write_agent(state.parent)),
        "--state",
        str(state),
        "--instance",
        machine,
        "--socket",
        str(socket),
    )


class LocalMachines:
    """Machines under one state folder."""

    def __init__(
        self,
        records: Records,
        config: LocalConfig,
        command: AgentCommand = agent_command,
        server: Path | None = None,
    ) -> None:
        self._records = records
        self._zones = {zone.name: zone for zone in config.zones}
        self._command = command
        self._server = server
        self._removed: dict[str, Machine] = {}

    def launch(self, request: LaunchRequest) -> Machine:
        """As `Backend.launch`."""
        self._forget_dead()
        with self._records.lock():
            records = self._records.machines()
            record = next((each for each in records if each.tags.token == request.tags.token), None)
            if record is None:
                record = self._start(self._intend(request, self._admit(request, records)))
            elif record.agent is None and not record.ending:
                record = self._resume(record)
            return self._view(record)

    def describe(self, machine: str, zone: Zone) -> Machine:
        """As `Backend.describe`."""
        record = self._records.machine(machine)
        if record is not None and record.zone == zone.name:
            return self._view(self._adopted(record))
        removed = self._removed.get(machine)
        if removed is None or removed.zone != zone:
            raise NotFound(f"there is no machine {machine} in {zone}")
        return removed

    def find(self, owner: str) -> tuple[Machine, ...]:
        """As `Backend.find`."""
        mine = (record for record in self._records.machines() if record.tags.owner == owner)
        views = (self._view(self._adopted(record)) for record in mine)
        return tuple(view for view in views if view.state is not MachineState.GONE)

    def retire(self, machine: str, zone: Zone) -> Machine | None:
        """Mark a machine as ending, so that it gets no more work; None when this zone has no such machine."""
        with self._records.lock():
            record = self._records.machine(machine)
            if record is None or record.zone != zone.name:
                return None
            record = self._adopted(record)
            self._records.put_machine(replace(record, ending=True))
        return self._view(record)

    def wait_gone(self, machine: str, seconds: float) -> bool:
        """Wait for the agent to end by itself; False when it still runs after `seconds`."""
        record = self._records.machine(machine)
        return record is None or record.agent is None or process.wait_gone(record.agent, seconds)

    def remove(self, machine: str) -> None:
        """End every process of a machine the hard way and remove its folder. Raises Unavailable when some stay."""
        record = self._records.machine(machine)
        if record is None:
            return
        self._drop(record)
        # Reported as gone, to distinguish it from one that is not visible yet.
        self._removed[machine] = replace(self._view(record), state=MachineState.GONE, endpoint=None)
        while len(self._removed) > REMEMBERED:
            del self._removed[next(iter(self._removed))]

    def _drop(self, record: MachineRecord) -> None:
        if not process.end_tree(self._records.folder(record.id), record.agent):
            raise Unavailable(f"processes of {record.id} did not end")
        _unlink(record.socket)
        with self._records.lock():
            self._records.drop_machine(record.id)

    def kill_zone(self, zone: str) -> None:
        """End every process of the zone's machines at once. Their records stay, as machines that are gone."""
        with self._records.lock():
            records = [self._adopted(record) for record in self._records.machines() if record.zone == zone]
            lost = [record for record in records if self._alive(record)]
            for record in lost:
                self._records.put_machine(replace(record, lost="the zone failed"))
        stay = [record.id for record in records if not process.end_tree(self._records.folder(record.id), record.agent)]
        for record in records:
            _unlink(record.socket)
        if stay:
            raise Unavailable(f"processes of {', '.join(stay)} did not end")

    def lives(self, machine: str) -> bool:
        """True while the machine's agent runs and is not being ended."""
        record = self._records.machine(machine)
        return record is not None and not record.ending and self._alive(self._adopted(record))

    def zone_of(self, machine: str) -> str | None:
        """The zone's name of a machine, or None."""
        record = self._records.machine(machine)
        return None if record is None else record.zone

    def _forget_dead(self) -> None:
        """Remove machines that have been gone for long, with what they left running: they may never be terminated."""
        with self._records.lock():
            dead = [machine for machine in self._records.machines() if not self._alive(self._adopted(machine))]
            old = [record for record in dead if self._records.age(record.id) > KEEP_DEAD_SECONDS]
            fresh = [record for record in dead if record.agent is not None and not record.lost]
            for record in fresh:
                self._records.put_machine(replace(record, lost=self._why_ended(record)))
        for record in old:
            if record not in fresh:
                self._drop(record)

    def _admit(self, request: LaunchRequest, records: Sequence[MachineRecord]) -> InstanceType:
        zone = zone_named(self._zones, request.zone)
        instance_type = self._type(request, zone)
        scope = Scope("local", REGION, zone.name, instance_type.name, request.market)
        # A cloud whose zone is down refuses launches there as it does without capacity; the state is in its listing.
        if zone.name in self._records.failed_zones():
            raise CapacityUnavailable(f"{zone.name} is failed: it takes no machines until it is restored", scope)
        live = (record for record in records if record.zone == zone.name and self._alive(self._adopted(record)))
        free = zone.capacity - sum((record.capacity for record in live), Capacity())
        if not free.covers(instance_type.capacity):
            left = f"{max(free.cpus, 0):g} CPUs and {max(free.memory_gb, 0):g} GB left"
            raise CapacityUnavailable(f"{zone.name} has no room for {instance_type.name}: {left}", scope)
        return instance_type

    def _type(self, request: LaunchRequest, zone: LocalZone) -> InstanceType:
        name = request.instance_type
        if all(name != each.name for other in self._zones.values() for each in other.instance_types()):
            raise InvalidRequest(f"the local backend has no instance type {name}")
        found = next((each for each in zone.instance_types() if each.name == name), None)
        if found is None:
            raise NotOffered(f"{name} is not offered in {zone.name}", Scope("local", REGION, zone.name, name))
        if request.market is not Market.ON_DEMAND:
            scope = Scope("local", REGION, zone.name, name, request.market)
            raise NotOffered(f"the local backend has no {request.market} machines", scope)
        return found

    def _intend(self, request: LaunchRequest, instance_type: InstanceType) -> MachineRecord:
        machine = new_id("i")
        try:
            path = socket_path(self._records.state, machine)
        except OSError as error:
            raise InvalidRequest(str(error)) from error
        zone = request.zone.name
        record = MachineRecord(machine, zone, instance_type.name, instance_type.capacity, request.tags, str(path))
        self._records.put_machine(record)
        return record

    def _resume(self, record: MachineRecord) -> MachineRecord:
        """Resume a launch that was interrupted between its record and the agent's pid."""
        adopted = self._adopted(record)
        if adopted.agent is None:
            return self._start(record)
        self._records.put_machine(adopted)
        return adopted

    def _start(self, record: MachineRecord) -> MachineRecord:
        folder = self._records.folder(record.id)
        try:
            command = [*self._command(folder, record.id, Path(record.socket)), *self._hiding(record)]
            pid = process.start(command, folder, log=folder / "agent.log")
        except OSError as error:
            raise Unavailable(f"the agent of {record.id} did not start: {error_words(error)}") from error
        # An agent that ended at once leaves a machine that is gone, not one that is started again and again.
        record = replace(record, agent=process.identify(pid) or process.Process(pid, "ended"))
        self._records.put_machine(record)
        return record

    def _hiding(self, record: MachineRecord) -> list[str]:
        """The options that hide the server's folder, with all other machines, and the sockets of agents from jobs."""
        if self._server is None:
            return []
        return ["--hide", str(self._server.resolve()), "--hide", str(Path(record.socket).parent)]

    def _adopted(self, record: MachineRecord) -> MachineRecord:
        if record.agent is not None:
            return record
        found = process.agent_of(self._records.folder(record.id))
        return record if found is None else replace(record, agent=found)

    def _alive(self, record: MachineRecord) -> bool:
        return record.agent is not None and process.alive(record.agent)

    def _view(self, record: MachineRecord) -> Machine:
        state, reason = self._state(record)
        zone = Zone("local", REGION, record.zone)
        endpoint = UnixSocket(record.socket)
        kind, market = record.instance_type, Market.ON_DEMAND
        return Machine(record.id, record.tags.token, zone, kind, market, state, endpoint, reason)

    def _state(self, record: MachineRecord) -> tuple[MachineState, str]:
        if not self._alive(record):
            remove_variables(self._records.folder(record.id))
            return MachineState.GONE, record.lost or self._why_ended(record)
        if record.ending:
            return MachineState.DELETING, ""
        return (MachineState.READY if _accepts(record.socket) else MachineState.CREATING), ""

    def _why_ended(self, record: MachineRecord) -> str:
        if record.agent is None:
            return "the agent was never started"
        words = _last_line(self._records.folder(record.id) / "agent.log")
        return f"the agent process ended: {words}" if words else "the agent process ended"


def zone_named(zones: Mapping[str, LocalZone], zone: Zone) -> LocalZone:
    """The configured zone of this value. Raises InvalidRequest when there is none."""
    found = zones.get(zone.name)
    if found is None or (zone.backend, zone.region) != ("local", REGION):
        raise InvalidRequest(f"the local backend has no zone {zone.backend}/{zone.region}/{zone.name}")
    return found


def remove_variables(folder: Path) -> None:
    """Remove what the jobs of a machine that is gone were to run: their variables may hold secrets."""
    for path in folder.glob("jobs/*/job.json*"):
        path.unlink(missing_ok=True)


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _unlink(socket: str) -> None:
    with suppress(OSError):
        Path(socket).unlink(missing_ok=True)


def _last_line(log: Path) -> str:
    """The last words of an agent that could not start: the reason."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 2000))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
