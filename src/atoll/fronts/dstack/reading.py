"""The handlers that read: lists and single records, logs and events."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.queries.declared import Declared
from atoll.engine.queries.events import EventFilter
from atoll.engine.requests import secrets
from atoll.fronts.dstack import shapes
from atoll.fronts.dstack.call import Call
from atoll.fronts.dstack.ids import from_uuid, named, to_uuid
from atoll.fronts.dstack.protocol import LONGEST_PAGE, VERSION
from atoll.model.access import Role
from atoll.model.error_codes import ErrorCode
from atoll.model.records import EventKind
from atoll.model.states import JOB
from atoll.wire.api import EventView, FleetView, RunView
from atoll.wire.logs import LogLine, parse

Handler = Callable[[Call], Awaitable[Any]]
WHOLE = 1000
"""Records of a list that clients expect whole."""
LOG_BYTES = 256 << 10
LOG_LINES = 1000
MOST_TARGETS = 16
"""Records by which events can be filtered at once."""
MOST_FILTERS = 100
"""Records with those within them."""
_TARGETS = {
    "fleets": EventKind.FLEET,
    "instances": EventKind.INSTANCE,
    "runs": EventKind.RUN,
    "jobs": EventKind.JOB,
    "volumes": EventKind.VOLUME,
}
_OTHERS = ("gateways", "gateway_replicas", "presets", "secrets", "users")
"""Targets of which Atoll's events have none by their ids."""


async def server_info(call: Call) -> Any:
    """The version that this API has."""
    return {"server_version": VERSION}


async def my_user(call: Call) -> Any:
    """The user of the token, and the token itself."""
    return shapes.user(call.user) | {"creds": {"token": call.token}, "ssh_private_key": None}


async def project(call: Call) -> Any:
    """A project with its members."""
    roles = await call.engine.accounts.members(call.project)
    users = {user.name: user for user in await call.engine.accounts.users()}
    members = [shapes.member(users[name], role) for name, role in sorted(roles.items()) if name in users]
    managers = [name for name, role in sorted(roles.items()) if role is Role.MANAGER and name in users]
    owner = users[managers[0]] if managers else call.user
    return {
        "project_id": named("project", call.project),
        "project_name": call.project,
        "owner": shapes.user(owner),
        "created_at": None,
        "backends": [],
        "members": members,
        "is_public": False,
    }


async def fleets(call: Call) -> Any:
    """All fleets."""
    found: list[Declared[FleetView]] = []
    after = None
    while len(found) < WHOLE:
        page = await call.engine.fleets.declared_page(call.project, after, WHOLE)
        found += page.items
        if not page.more:
            break
        after = page.items[-1].view.id
    return [shapes.fleet(one, call.project, call.names) for one in found]


async def fleet(call: Call) -> Any:
    """One fleet, by its name or id."""
    if call.body.get("name") is None:
        id = call.text("id")
        found_by_id = next((one for one in await fleets(call) if one["id"] == id), None)
        if found_by_id is None:
            raise not_found("fleet", id[:60])
        return found_by_id
    found = await call.engine.fleets.declared(call.project, call.text("name"))
    return shapes.fleet(found, call.project, call.names)


async def volumes(call: Call) -> Any:
    """The volumes that clients can read."""
    page = await call.engine.volumes.page(call.project, None, WHOLE)
    shown = [shapes.volume(view, call.project, call.names) for view in page.items]
    return [one for one in shown if one is not None]


async def volume(call: Call) -> Any:
    """One volume."""
    return await volume_of(call, call.text("name"))


async def volume_of(call: Call, name: str) -> Any:
    """The volume of a name. Raises Refused: not-found, not-shown."""
    view = await call.engine.volumes.get(call.project, name)
    shown = shapes.volume(view, call.project, call.names)
    if shown is None:
        message = f"volume `{view.name}` is in `{view.backend}`, whose volumes dstack's clients cannot show"
        raise Refused(ErrorCode.NOT_SHOWN, message, help=f"`atoll volume get {view.name}` shows it")
    return shown


async def runs(call: Call) -> Any:
    """A page of runs, the newest first: of one project, or of all of the user's."""
    limit = call.number("limit", LONGEST_PAGE, LONGEST_PAGE)
    wanted = call.body.get("project_name")
    projects = [call.text("project_name")] if wanted is not None else await call.projects()
    finished = not call.body.get("only_active")
    previous = call.body.get("prev_run_id")
    after = None if previous is None else from_uuid(str(previous))
    found: list[dict[str, Any]] = []
    for name in projects:
        page = await call.engine.runs.declared_page(name, after, max(1, limit), finished=finished)
        found += [shapes.run(item, name, call.names) for item in page.items]
    found.sort(key=lambda run: run["submitted_at"], reverse=True)
    return found[:limit]


async def run(call: Call) -> Any:
    """One run, by its name or id."""
    if call.body.get("run_name") is None:
        return shapes.run(await _run_with_id(call, call.text("id")), call.project, call.names)
    found = await call.engine.runs.declared(call.project, call.text("run_name"))
    return shapes.run(found, call.project, call.names)


async def _run_with_id(call: Call, id: str) -> Declared[RunView]:
    page = await call.engine.runs.declared_page(call.project, None, WHOLE, finished=True)
    found = next((item for item in page.items if to_uuid(item.view.id) == id), None)
    if found is None:
        raise not_found("run", id[:60])
    return found


async def logs(call: Call) -> Any:
    """A piece of a job's log. The token for the next piece is a number of bytes; it is null at the end."""
    view = await call.engine.runs.get(call.project, call.text("run_name"))
    wanted, token = call.text("job_submission_id"), call.body.get("next_token")
    job = next((each for each in (*view.jobs, *view.attempts) if to_uuid(each.id) == wanted), None)
    if job is None:
        raise not_found("run", f"{view.name} (job {wanted[:60]})")
    found = await call.engine.runs.logged(call.project, view.name, job.rank, job.submission + 1)
    offset = int(token) if isinstance(token, str) and token.isascii() and token.isdigit() and len(token) < 13 else 0
    data = await call.engine.logs.read(found, offset, LOG_BYTES)
    lines, taken = whole_lines(data, call.number("limit", LONGEST_PAGE, LOG_LINES), over=found.state in JOB.final)
    since = _time(call.body.get("start_time"))
    events = [_log_event(line) for line in lines if since is None or line.time >= since]
    more = taken > 0 and (taken < len(data) or len(data) == LOG_BYTES)
    return {"logs": events, "next_token": str(offset + taken) if more else None}


def whole_lines(data: bytes, limit: int, *, over: bool) -> tuple[list[LogLine], int]:
    """The first lines of a piece of a log, and how many bytes they take; a line without end only where none follows."""
    if over and data and len(data) < LOG_BYTES and not data.endswith(b"\n"):
        data += b"\n"
    parts = data.split(b"\n")[:-1][: max(1, limit)]
    taken = sum(len(part) + 1 for part in parts)
    return parse(data[:taken])[0], taken


def _log_event(line: LogLine) -> dict[str, Any]:
    text = line.text if line.partial else line.text + b"\n"
    time = f"{line.time[:26]}Z" if line.time else datetime.fromtimestamp(0, UTC).isoformat()
    return {
        "timestamp": time,
        "log_source": line.stream or "stdout",
        "message": base64.b64encode(text).decode(),
    }


def _time(value: Any) -> str | None:
    """A time that a client sent, in the form of a log's lines."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    except (ValueError, OverflowError):
        raise Refused(ErrorCode.INVALID_REQUEST, "`start_time` is no time", status=422) from None


async def events(call: Call) -> Any:
    """Changes of state, the newest first, or with `ascending` the oldest."""
    limit = call.number("limit", LONGEST_PAGE, LONGEST_PAGE)
    previous = call.body.get("prev_id")
    number = int(from_uuid(str(previous)) or "0", 16) if previous is not None else None
    span = _span(max(1, limit), number, ascending=bool(call.body.get("ascending")))
    if any(call.body.get(f"target_{kind}") or call.body.get(f"within_{kind}") for kind in _OTHERS):
        return []
    found: list[tuple[EventView, str]] = []
    for name in await _projects(call):
        for wanted in await _filters(call, name, span):
            found += [(view, name) for view in await call.engine.events.find(name, wanted)]
    found.sort(key=lambda pair: pair[0].seq, reverse=not call.body.get("ascending"))
    return [shapes.event(view, name) for view, name in found[:limit]]


async def _projects(call: Call) -> Sequence[str]:
    """The user's projects among those that the request names; all of them where it names none."""
    wanted = call.body.get("within_projects") or call.body.get("target_projects")
    ids = set(map(str, wanted)) if isinstance(wanted, list) else None
    return [name for name in await call.projects() if ids is None or named("project", name) in ids]


def _span(limit: int, previous: int | None, *, ascending: bool) -> EventFilter:
    """A page of events: those after the event of number `previous`, or before it."""
    if ascending:
        return EventFilter(after=previous or 0, limit=limit)
    return EventFilter(last=limit, before=previous)


async def _filters(call: Call, project: str, span: EventFilter) -> list[EventFilter]:
    """The events of a request in one project: each filter is of one record, or the only one of all."""
    asked = {
        (kind, scope, str(id))
        for kind in _TARGETS
        for scope in ("target", "within")
        if isinstance(call.body.get(f"{scope}_{kind}"), list)
        for id in call.body[f"{scope}_{kind}"][:MOST_TARGETS]
    }
    if not asked:
        return [span]
    targets = {id for _, scope, id in asked if scope == "target"}
    within = {id for _, scope, id in asked if scope == "within"}
    records = [record async for record in _records(call, project, {kind for kind, _, _ in asked})]
    chosen = [one for one in records if one.ids & (targets | within) or one.parents & within]
    return [replace(span, kind=_TARGETS[one.kind], name=one.name) for one in chosen[:MOST_FILTERS]]


@dataclass(frozen=True, slots=True)
class _Record:
    """A record with the UUIDs by which clients know it: that of its id, and that of its events; and its parent's."""

    kind: str
    name: str
    ids: frozenset[str]
    parents: frozenset[str] = frozenset()


def _ids(kind: str, name: str, id: str) -> frozenset[str]:
    return frozenset({to_uuid(id), named(_TARGETS[kind], name)})


async def _records(call: Call, project: str, kinds: set[str]) -> AsyncIterator[_Record]:
    """The records of some kinds: fleets with their instances, the newest runs with their jobs, volumes."""
    if kinds & {"fleets", "instances"}:
        for fleet in (await call.engine.fleets.page(project, None, WHOLE)).items:
            ids = _ids("fleets", fleet.name, fleet.id)
            yield _Record("fleets", fleet.name, ids)
            for instance in fleet.instances:
                yield _Record("instances", instance.name, _ids("instances", instance.name, instance.id), ids)
    if kinds & {"runs", "jobs"}:
        for run in (await call.engine.runs.page(project, None, WHOLE, finished=True, newest=True)).items:
            ids = _ids("runs", run.name, run.id)
            yield _Record("runs", run.name, ids)
            for job in run.jobs:
                name = f"{run.name}/{job.rank}"
                yield _Record("jobs", name, _ids("jobs", name, job.id), ids)
    if "volumes" in kinds:
        for volume in (await call.engine.volumes.page(project, None, WHOLE)).items:
            yield _Record("volumes", volume.name, _ids("volumes", volume.name, volume.id))


async def nothing(call: Call) -> Any:
    """An empty list: Atoll has none of these."""
    return []


async def gpus(call: Call) -> Any:
    """GPUs in groups, of which there are none in this API."""
    return {"gpus": []}


async def list_secrets(call: Call) -> Any:
    """The secrets, without their values."""
    found = await secrets.list_secrets(call.engine.context, call.project)
    return [{"id": named("secret", f"{call.project}/{one.name}"), "name": one.name, "value": None} for one in found]


async def accept(call: Call) -> Any:
    """Nothing to do: a run without a repository needs none to be stored."""
    return None


READING: Mapping[str, Handler] = {
    "server_info": server_info,
    "my_user": my_user,
    "project": project,
    "fleets": fleets,
    "fleet": fleet,
    "volumes": volumes,
    "volume": volume,
    "runs": runs,
    "run": run,
    "logs": logs,
    "events": events,
    "gateways": nothing,
    "gpus": gpus,
    "secrets": list_secrets,
    "init_repo": accept,
}
