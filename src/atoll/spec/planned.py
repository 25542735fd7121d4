"""The codes that only the server can find: it knows the backends, the zones as they are now, and what exists.

The engine makes these diagnostics; the registry explains them.
"""

from atoll.spec.codes import Code


def _code(code: str, title: str, explanation: str, *, warning: bool = False) -> Code:
    return Code(code, title, explanation, warning=warning, planned=True)


PLANNED = (
    _code(
        "not-opted-in",
        "A zone that the account has not opted into",
        "Providers list Local and Wavelength Zones, but refuse all work there until the account opts into the zone "
        "group. Opt in at the provider, or name other zones.",
    ),
    _code(
        "zone-impaired",
        "A zone with trouble",
        "The provider says that the zone is impaired, or it has been failed by hand. It gets no work until it is well.",
    ),
    _code(
        "zone-drained",
        "A zone out of service",
        "Somebody has taken the zone out of service for a while. `atoll zone` shows who needs it and until when.",
    ),
    _code(
        "type-not-offered",
        "An instance type that the zone does not offer",
        "The allowed zones do not offer any instance type that fits; us-east-1e of AWS is the classic. Allow other "
        "zones or other instance types.",
    ),
    _code(
        "volumes-share-no-zone",
        "Volumes in different zones",
        "A node mounts several volumes, and a volume attaches only in its own zone: no zone has them all. Move or "
        "copy one of them, or mount them on different nodes.",
    ),
    _code(
        "no-volume-fits",
        "None of the volumes can be used",
        "The mount lists several volumes of which one is enough, but each is taken or lies where the run may not go.",
    ),
    _code(
        "backend-without-zones",
        "A zone filter on a backend without zones",
        "The backend has regions only, so a zone filter can say nothing about its offers. Use `regions`.",
        warning=True,
    ),
    _code(
        "unknown-backend",
        "A backend that is not configured",
        "The server has no such backend. `atoll server status` shows those that it has.",
    ),
    _code(
        "unknown-volume",
        "No such volume",
        "The run mounts a volume that neither exists nor is in the same submission.",
    ),
    _code(
        "unknown-fleet",
        "No such fleet",
        "`fleets` names a fleet that neither exists nor is in the same submission.",
    ),
    _code(
        "unknown-secret",
        "No such secret",
        "A variable refers to `${{ secrets.NAME }}`, and the project has no secret of this name. `atoll secret list` "
        "shows the names; a manager of the project sets one with `atoll secret set NAME`.",
    ),
    _code(
        "does-not-fit",
        "No place for it",
        "No allowed zone can take what is asked. The plan shows the reason for each zone, and what would cure it.",
    ),
    _code(
        "not-supported",
        "The backend cannot do this",
        "The document asks for something that its backend has not, such as volumes. Use another backend.",
    ),
    _code(
        "volume-immutable",
        "A volume cannot be changed so",
        "The zone, backend and region of a volume that exists are fixed, and its size cannot shrink. Make a new volume "
        "and copy the data, or delete this one first.",
    ),
)
