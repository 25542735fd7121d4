"""Rehearsals of outages."""

from fastapi import APIRouter, Request, Response

from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.requests.submission import asker
from atoll.model.error_codes import ErrorCode
from atoll.model.zone import Zone
from atoll.rehearsal.material import Material, gather
from atoll.rehearsal.outage import Manner, Outage, rehearse
from atoll.rehearsal.report import report
from atoll.server.answer import answer
from atoll.server.bounds import Project
from atoll.server.state import engine_of
from atoll.wire.rehearsal import LONGEST_SECONDS, MOST_SEEDS, NewRehearsal, RehearsalView

router = APIRouter(prefix="/api/projects/{project}")
SECONDS = 60.0
"""How long one rehearsal may compute; other users' plans take their turns between two of them."""


@router.post("/rehearsals", response_model=RehearsalView)
async def rehearse_outage(project: Project, body: NewRehearsal, request: Request) -> Response:
    """What the outage of zones would do to the project, by a rehearsal in virtual time."""
    if not 0 < body.seconds <= LONGEST_SECONDS:
        raise _invalid(f"an outage lasts at most {LONGEST_SECONDS / 3600:g} hours, and more than 0 s")
    if not 1 <= body.seeds <= MOST_SEEDS:
        raise _invalid(f"an outage is rehearsed 1 to {MOST_SEEDS} times")
    if not body.zones:
        raise _invalid("an outage has at least one zone")
    context = engine_of(request).context
    material = await gather(context)
    _refuse_unknown(body.zones, material)
    outage, user = Outage(tuple(dict.fromkeys(body.zones)), body.seconds, Manner(body.how)), asker(project)
    courses = [
        await context.planner.run(user, rehearse, material, project, outage, seed, seconds=SECONDS)
        for seed in range(body.seeds)
    ]
    return answer(report(courses, material))


def _invalid(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REQUEST, message, status=422)


def _refuse_unknown(zones: tuple[Zone, ...], material: Material) -> None:
    """Raises Refused for a zone that no backend lists, and for places that a rehearsal cannot tell apart."""
    listed = [info.zone for provider in material.providers for info in provider.zones]
    for zone in zones:
        if zone not in listed:
            raise not_found("zone", str(zone))
        if sum(each.backend == zone.backend and each.name == zone.name for each in listed) > 1:
            raise Refused(
                ErrorCode.INVALID_REQUEST,
                f"an outage of {zone} cannot be rehearsed: {zone.backend} has several places of this name",
                status=422,
            )
