"""What can be said of documents once the world is known: backends, volumes and fleets that they name.

Names and positions inside the file are `spec`'s affair, zones and instance types `zone_check`'s; whether something fits
is the planner's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from atoll.configuration import Document, Unread
from atoll.configuration.checks import reach
from atoll.configuration.checks.reach import Home
from atoll.configuration.checks.support import APPLIED
from atoll.configuration.types.mount import VolumeMount
from atoll.configuration.types.secret import secret_names
from atoll.configuration.types.volume import Volume as VolumeSpec
from atoll.engine.placing.demand import nodes_of, own_name, run_of, selection_of
from atoll.engine.requests import zone_check
from atoll.model.catalog import Catalog
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.records import Volume
from atoll.model.states import VolumeState
from atoll.model.suggestion import did_you_mean
from atoll.model.zone import BackendInfo, ZoneInfo
from atoll.zones.directory import Directory
from atoll.zones.naming import BACKENDS, fold


@dataclass(frozen=True, slots=True)
class Scene:
    """What documents of a project are held against. `homes` are those of kept and submitted volumes, `troubles`
    are why kept volumes cannot be mounted; the rest are names.

    Without `secrets` nothing is said of them: a saved world does not know them. `unread` may define what is missing: of
    that nothing is said.
    """

    project: str
    backends: Mapping[str, BackendInfo]
    directory: Directory
    zones: Collection[ZoneInfo]
    catalog: Catalog
    homes: Mapping[str, Home]
    fleets: Collection[str]
    troubles: Mapping[str, Diagnostic] = field(default_factory=dict)
    secrets: Collection[str] | None = None
    unread: Collection[Unread] = ()

    def lacks(self, kind: str, name: str) -> bool:
        """Whether there is certainly no fleet or volume of this name."""
        known = self.fleets if kind == "fleet" else self.homes
        return name not in known and not any(one.may_be(kind, name) for one in self.unread)


def check(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    """Every finding about one document."""
    if document.type not in APPLIED:
        return  # which the parser has refused
    yield from _backends(document, scene)
    yield from zone_check.check(document, scene)
    if document.kind == "volume":
        yield from _volume(document, scene)
    elif document.kind == "run":
        yield from _mounts(document, scene)
        yield from reach.check(document, scene.homes, scene.directory)
        yield from _fleets(document, scene)
        yield from _secrets(document, scene)


def home_of(volume: Volume) -> Home:
    """Where a kept volume is, or may still go."""
    region = volume.config.get("region") or None
    return Home(volume.backend, volume.zone.region if volume.zone else region, volume.zone)


def _backends(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    spec = document.spec
    named = [spec.backend] if isinstance(spec, VolumeSpec) else list(selection_of(document).backends or ())
    named = [name for name in named if name]  # a volume without one is reported as such
    missing = [name for name in named if name not in scene.backends]
    configured = ", ".join(f"`{name}`" for name in sorted(scene.backends))
    for name in missing:
        alone = len(missing) == len(named)
        path = ("backend",) if isinstance(spec, VolumeSpec) else ("backends", named.index(name))
        yield Diagnostic(
            "unknown-backend",
            f"backend `{name}` is not configured on this server" + ("" if alone else ": it is left out"),
            Severity.ERROR if alone else Severity.WARNING,
            document.span(path),
            (f"configured: {configured}",),
            did_you_mean(name, scene.backends) or did_you_mean(fold(name), BACKENDS),
        )


def _volume(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    assert isinstance(document.spec, VolumeSpec)
    info = scene.backends.get(document.spec.backend)
    if info is not None and not info.volumes:
        able = ", ".join(f"`{name}`" for name, one in sorted(scene.backends.items()) if one.volumes)
        help = f"backends with volumes: {able}" if able else None
        message = f"backend `{info.name}` has no volumes"
        yield Diagnostic("not-supported", message, span=document.span(("backend",)), help=help)


def _mounts(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    """Volumes that do not exist or cannot be reached: an error where a mount has no other, else a warning."""
    reported: set[str] = set()
    spec = run_of(document)
    for rank in range(nodes_of(spec)):
        for index, mount in enumerate(spec.volumes):
            names = mount.names_for(rank) if isinstance(mount, VolumeMount) else ()
            missing = [name for name in names if _trouble(name, document, ("volumes", index), scene)]
            for name in missing:
                finding = _trouble(name, document, ("volumes", index), scene)
                if name not in reported and finding is not None:
                    reported.add(name)
                    yield finding if len(missing) == len(names) else replace(finding, severity=Severity.WARNING)


def _trouble(name: str, document: Document, path: tuple[str | int, ...], scene: Scene) -> Diagnostic | None:
    """Why a volume cannot be mounted: it is missing, or something is wrong with it."""
    if scene.lacks("volume", name):
        return _unknown("volume", name, document, path, scene.homes)
    trouble = scene.troubles.get(name)
    return trouble and replace(trouble, span=document.span(path))


def trouble_of(volume: Volume, backends: Collection[str]) -> Diagnostic | None:
    """Why a kept volume cannot be mounted: it failed, or its backend is not configured."""
    if volume.state is VolumeState.FAILED:
        message, help = failure_of(volume)
        return Diagnostic("volume-failed", message, help=help)
    if volume.backend in backends:
        return None
    message = f"volume `{volume.name}` is out of reach: backend `{volume.backend}` is not configured on this server"
    help = f"configured: {', '.join(f'`{name}`' for name in sorted(backends))}"
    return Diagnostic("unknown-backend", message, help=help)


def failure_of(volume: Volume) -> tuple[str, str]:
    """Why a failed volume has no disk, and the way out."""
    message = f"volume `{volume.name}` failed: {volume.message or 'its disk is gone'}"
    if volume.backend_id is None:
        return message, "apply its file again: the volume is created again"
    return message, f"`atoll delete volume {volume.name}`, then apply its file again: its data is lost"


def _fleets(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    for index, written in enumerate(run_of(document).fleets or ()):
        name, place = own_name(written, scene.project), ("fleets", index)
        if "/" in name:
            # Whether there is such a project or fleet is not said: the asker may not know of it.
            message = f"fleet `{name}` belongs to another project than the run, which is of `{scene.project}`"
            help = "name a fleet of the run's own project, or apply the run in the other one with `--project`"
            yield Diagnostic("fleet-of-another-project", message, span=document.span(place), help=help)
        elif scene.lacks("fleet", name):
            yield _unknown("fleet", name, document, place, scene.fleets)


def _secrets(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    if scene.secrets is None:
        return
    run = run_of(document)
    texts: dict[tuple[str, ...], str] = {("env", variable): text for variable, text in run.env.items()}
    if run.registry_auth is not None:
        login = run.registry_auth.model_dump(exclude_none=True)
        texts |= {("registry_auth", key): text for key, text in login.items()}
    for place, text in texts.items():
        for name in secret_names(text):
            if name not in scene.secrets:
                cure = f"a manager of the project sets it: `atoll secret set {name}`"
                help = did_you_mean(name, scene.secrets, cure)
                message = f"there is no secret `{name}` in this project"
                yield Diagnostic("unknown-secret", message, span=document.span(place), help=help)


def _unknown(
    kind: str, name: str, document: Document, path: tuple[str | int, ...], known: Collection[str]
) -> Diagnostic:
    help = did_you_mean(name, known, f"apply the {kind} first, or put it into the same file")
    return Diagnostic(f"unknown-{kind}", f"there is no {kind} `{name}`", span=document.span(path), help=help)
