"""A submission's files become documents, or a refusal with all that is wrong with them."""

from collections.abc import Sequence

from atoll.engine.refusal import Refused
from atoll.engine.world import World
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.spec import Parsed, SourceFile, parse
from atoll.spec.zoning import Ground
from atoll.wire.api import Submission
from atoll.zones.directory import Directory, builtin

MOST_FINDINGS = 500
"""Findings that a refusal carries."""


def parse_submission(submission: Submission, ground: Ground) -> Parsed:
    """The documents and the warnings. Raises Refused with diagnostics for wrong files."""
    files = [SourceFile(file.name, file.text) for file in submission.files]
    profiles = submission.profiles
    parsed = parse(
        files,
        environment=submission.environment,
        profiles=SourceFile(profiles.name, profiles.text) if profiles else None,
        profile=submission.profile,
        ground=ground,
    )
    refuse_errors(list(parsed.diagnostics))
    return parsed


def live_directory(world: World) -> Directory:
    """The zones that there are: what the backends list, where they have listed any."""
    directory = builtin()
    for name in sorted(world.as_of):
        zones = [info.zone for info in world.zones if info.zone.backend == name]
        if zones:
            directory = directory.with_live(name, zones, world.as_of[name])
    return directory


def refuse_errors(findings: Sequence[Diagnostic]) -> None:
    """Raises Refused with all findings when there is an error among them."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        count = "one error" if len(errors) == 1 else f"{len(errors)} errors"
        raise Refused("invalid-configuration", count, diagnostics=unique(findings)[:MOST_FINDINGS], status=422)


def unique(findings: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each finding once, in their order."""
    return tuple(dict.fromkeys(findings))
