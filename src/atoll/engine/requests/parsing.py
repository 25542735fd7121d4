"""A submission's files become documents and findings; findings become a refusal when an error is among them."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from atoll.configuration import Choices, Parsed, SourceFile, ordered, parse
from atoll.configuration.checks.zoning import Ground, crowded
from atoll.engine.parts.refusal import Refused
from atoll.engine.snapshots.world import World
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.error_codes import ErrorCode
from atoll.model.zone import BackendInfo, Zone, ZoneInfo
from atoll.wire.api import Submission
from atoll.zones.directory import Directory, builtin

MOST_FINDINGS = 500
"""Findings that a refusal carries."""
MOST_DOCUMENTS = 500
"""Documents that are planned together."""
MOST_NODES = 10_000
"""Nodes of all fleets and runs that are planned together."""


def parse_submission(submission: Submission, ground: Ground) -> Parsed:
    """The documents without errors of their own, and the findings: the caller adds those of the world to them.

    Raises Refused at once where more is named than can be held against the world in a bounded time.
    """
    files = _files(submission)
    profiles = submission.profiles
    parsed = parse(
        files,
        environment=submission.environment,
        profiles=SourceFile(profiles.name, profiles.text) if profiles else None,
        ground=ground,
        applying=True,
        choices=Choices(submission.profile, submission.name, submission.variables, _packed(submission)),
    )
    _refuse_too_many(parsed)
    if crowded(parsed.documents) is not None:
        refuse_errors(parsed.diagnostics)
    return parsed


def _packed(submission: Submission) -> dict[str, dict[str, str]]:
    """The digests of entries of `files`, by the configuration's name and their local paths."""
    found: dict[str, dict[str, str]] = {}
    for one in submission.packed:
        found.setdefault(one.file, {})[one.local_path] = one.digest
    return found


def _refuse_too_many(parsed: Parsed) -> None:
    """Raises Refused where there is more than one plan is for."""
    if len(parsed.documents) > MOST_DOCUMENTS:
        message = f"the files have {len(parsed.documents):,} documents, and {MOST_DOCUMENTS} can be planned together"
        raise Refused(ErrorCode.TOO_LARGE, message, help="apply the files in parts", status=422)
    nodes = 0
    for document in parsed.documents:
        wanted = getattr(document.spec, "nodes", 0)
        nodes += wanted if isinstance(wanted, int) else wanted.target
        if nodes > MOST_NODES:
            message = f"with {document.kind} `{document.name}` the files ask for {nodes:,} nodes"
            help = f"{MOST_NODES:,} can be planned together: apply the files in parts"
            raise Refused(ErrorCode.TOO_LARGE, message, help=help, status=422)


def in_order(findings: Sequence[Diagnostic], submission: Submission) -> tuple[Diagnostic, ...]:
    """Each finding once, in the order of the files and their lines."""
    return ordered(findings, _files(submission))


def _files(submission: Submission) -> list[SourceFile]:
    return [SourceFile(file.name, file.text) for file in submission.files]


def live_directory(world: World, held: Collection[Zone] = ()) -> Directory:
    """The zones that there are: what the backends list, where they have listed any, and those that are `held`.

    A zone that a provider lists no longer can be named as long as something of the project is in it.
    """
    directory = builtin()
    for name in sorted(world.as_of):
        zones = [info.zone for info in world.zones if info.zone.backend == name]
        zones += sorted(zone for zone in {*held} - {*zones} if zone.backend == name)
        if zones:
            directory = directory.with_live(name, zones, world.as_of[name])
    return directory


def with_zones(backends: Mapping[str, BackendInfo], zones: Iterable[ZoneInfo]) -> list[str]:
    """The backends that a text may mean: one of machines that users own only where it has any."""
    listed = {info.zone.backend for info in zones}
    return sorted(name for name, info in backends.items() if not info.owned or name in listed)


def refuse_errors(findings: Sequence[Diagnostic]) -> None:
    """Raises Refused with all findings when there is an error among them."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        count = "one error" if len(errors) == 1 else f"{len(errors)} errors"
        raise Refused(
            ErrorCode.INVALID_CONFIGURATION,
            count,
            diagnostics=tuple(dict.fromkeys(findings))[:MOST_FINDINGS],
            status=422,
        )
