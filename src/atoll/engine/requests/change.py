"""What applying a document would change: nothing, something in place, or the thing itself."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from atoll.engine.placing.restraint import uncreated
from atoll.engine.requests.meaning import same_meaning
from atoll.model.records import Fleet, Run, Volume
from atoll.model.states import RUN, RunState
from atoll.model.zone import Zone
from atoll.wire.api import Change, ChangeAction, FieldChange

IN_PLACE = {
    "fleet": frozenset({"nodes", "idle_duration", "retry", "tags", "disruption"}),
    "volume": frozenset({"tags"}),
    "run": frozenset(),
}
"""The keys of each kind that change without replacing what they belong to."""
_HIDDEN = frozenset({"env", "registry_auth"})
"""Keys that may hold secrets: a change is reported without its values."""
ABSENT = object()
"""Stands for a key that is not set: null is a value, `off` for times."""
_TIMES = frozenset({"idle_duration", "max_duration", "stop_duration"})
_BOUNDS = frozenset({"min", "target", "max"})


@dataclass(frozen=True, slots=True)
class Standing:
    """What a change is held against, beside the record and its new configuration.

    `former` is the record's configuration with its secrets opened, None: it has none. `zones` are the known ones, by
    which names of zones are compared; `outdated` are the ids of the fleet's instances
    that its new configuration does not ask for; `rerun` starts a finished run again.
    """

    former: Mapping[str, Any] | None = None
    zones: Collection[Zone] = ()
    outdated: Collection[str] = ()
    rerun: bool = False


def changed_keys(kind: str, old: Mapping[str, Any], new: Mapping[str, Any], zones: Collection[Zone]) -> list[str]:
    """The keys in which two configurations of a kind mean something else."""
    return [key for key in sorted(old.keys() | new.keys()) if not _same(kind, key, old, new, zones)]


def change_of(
    type_: str,
    kind: str,
    name: str,
    config: Mapping[str, Any],
    kept: Fleet | Volume | Run | None,
    standing: Standing = Standing(),
) -> Change:
    """The change that brings what is kept under a name to a new configuration."""
    if kept is None:
        return Change(type_, kind, name, ChangeAction.CREATE)
    old, new = dict(kept.config if standing.former is None else standing.former), dict(config)
    changed = changed_keys(kind, old, new, standing.zones)
    stays = IN_PLACE[kind] if standing.outdated or kind != "fleet" else frozenset(changed)
    if kind == "fleet" and not _is_cluster(new.get("placement")):
        stays |= {"placement"}  # nodes stay where they are: another placement decides on the next ones
    fields = tuple(_field(key, old.get(key, ABSENT), new.get(key, ABSENT), key in stays) for key in changed)
    if isinstance(kept, Run):
        return Change(type_, kind, name, _run_action(kept, fields, standing.rerun), fields, kept.id)
    if isinstance(kept, Volume) and uncreated(kept) and all(field.in_place for field in fields):
        return Change(type_, kind, name, ChangeAction.RETRY, fields, kept.id)
    if not fields:
        return Change(type_, kind, name, ChangeAction.UNCHANGED, id=kept.id)
    in_place = all(field.in_place for field in fields)
    return Change(type_, kind, name, ChangeAction.UPDATE if in_place else ChangeAction.REPLACE, fields, kept.id)


def _is_cluster(placement: object) -> bool:
    return (placement.get("strategy") if isinstance(placement, Mapping) else placement) == "cluster"


def _run_action(kept: Run, fields: tuple[FieldChange, ...], rerun: bool) -> ChangeAction:
    if kept.state not in RUN.final:
        # One that a user has stopped does not go on: the next one follows it.
        return ChangeAction.REPLACE if fields or rerun or kept.stop else ChangeAction.UNCHANGED
    if kept.state is RunState.DONE and not fields and not rerun:
        return ChangeAction.UNCHANGED
    return ChangeAction.RERUN


def _same(kind: str, key: str, old: Mapping[str, Any], new: Mapping[str, Any], zones: Collection[Zone]) -> bool:
    before, after = old.get(key), new.get(key)
    if key in _TIMES and (key in old) != (key in new):
        return False  # null is `off`, and an absent one its default
    return before == after or same_meaning(kind, key, before, after, zones)


def _field(key: str, old: Any, new: Any, in_place: bool) -> FieldChange:
    if key == "files":
        old, new = _apart(old, new)
    shown = ("(changed)", "(changed)") if key in _HIDDEN else (_shown(key, old), _shown(key, new))
    return FieldChange(key, *shown, in_place=in_place)


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    """Two lists without the entries that both have; a long list mostly changes in one."""
    if not isinstance(old, list) or not isinstance(new, list):
        return old, new
    before, after = ([one for one in mine if one not in others] for mine, others in ((old, new), (new, old)))
    return (before, after) if before or after else (old, new)


def _shown(key: str, value: Any) -> str:
    """The value of a key: times with their unit, and what is left out is empty."""
    if value is ABSENT:
        return ""
    if key in _TIMES:
        return _time(value) if isinstance(value, int | float) else "off"
    if key == "files" and isinstance(value, list):
        return ", ".join(_file(entry) for entry in value)
    if key == "retry" and isinstance(value, Mapping):
        events = _text(value.get("on_events")) or "every event"
        limit = value.get("duration")
        return f"{events}, for {_time(limit)}" if isinstance(limit, int | float) else events
    return _text(value)


def _file(entry: Mapping[str, Any]) -> str:
    """An entry of `files` in its short form, with the beginning of its content's digest."""
    target = f":{entry['path']}" if entry.get("path") else ""
    return f"{entry.get('local_path')}{target} ({str(entry.get('digest') or '')[:8]})"


def _time(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _text(value: Any) -> str:
    """A value of a configuration as a user would write it, without quotes."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Mapping):
        if value and value.keys() <= _BOUNDS:
            return _range(value)
        return ", ".join(f"{key}: {_text(each)}" for key, each in value.items() if each not in (None, [], {}))
    if isinstance(value, list | tuple):
        return ", ".join(_text(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def _range(bounds: Mapping[str, Any]) -> str:
    low, target, high = (_text(bounds.get(key)) for key in ("min", "target", "max"))
    whole = low if low == high else f"{low}..{high}"
    return whole if target in ("", low) else f"{whole}, target {target}"
