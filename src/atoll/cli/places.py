"""Zones by the names that users type: a name, an id, or BACKEND/REGION/ZONE."""

from atoll.cli.errors import CommandError
from atoll.client import Client
from atoll.wire.api import ZoneView


def find(client: Client, name: str) -> ZoneView:
    """The one zone of that name or id. Raises CommandError when there is none, or more than one."""
    wanted = name.casefold()
    zones = client.zones()
    found = [view for view in zones if wanted in _names(view)]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(_path(view) for view in found)
        raise CommandError(f"`{name}` is the name of several zones", f"name one of {places}")
    from atoll.model.suggestion import nearest

    known = {str(view.zone).casefold(): str(view.zone) for view in zones}
    near = nearest(wanted, known)
    guess = f"did you mean `{known[near]}`?" if near else "see `atoll zone`"
    raise CommandError(f"there is no zone `{name}`", guess)


def _names(view: ZoneView) -> set[str]:
    names = {str(view.zone), view.zone.zone_id or "", _path(view)}
    return {name.casefold() for name in names if name}


def _path(view: ZoneView) -> str:
    return f"{view.zone.backend}/{view.zone.region}/{view.zone.name}"
