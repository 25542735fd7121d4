"""What would happen."""

from collections import Counter
from collections.abc import Mapping
from math import isfinite

from fastapi import APIRouter, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.whatif import what_if
from atoll.model.error_codes import ErrorCode
from atoll.model.zone import Zone
from atoll.planning.outcome import FleetOutcome, Outcome, RunOutcome
from atoll.planning.plan import DocumentPlan
from atoll.planning.reasons import explain
from atoll.planning.whatif import Edits, PriceEdit
from atoll.server.answer import answer
from atoll.server.bounds import Project
from atoll.server.state import engine_of
from atoll.wire.whatif import FleetFate, OutcomeView, PriceChange, RunFate, WhatIf, WhatIfView

router = APIRouter(prefix="/api/projects/{project}")
MOST = 1000
"""How many zones, prices and fleets one question may name."""


@router.post("/what-if", response_model=WhatIfView)
async def ask(project: Project, body: WhatIf, request: Request) -> Response:
    """What would happen to the project if this were so."""
    if len(body.lost) + len(body.closed) + len(body.prices) + len(body.without) > MOST:
        raise Refused(ErrorCode.TOO_LARGE, f"a what-if has at most {MOST} changes", status=422)
    edits = Edits(
        frozenset(body.lost),
        frozenset(body.closed),
        tuple(_price(price) for price in body.prices),
        frozenset(body.without),
        body.no_spot,
    )
    found = await what_if(engine_of(request).context, project, edits, every_zone=body.each_zone)
    return answer(WhatIfView(tuple(_view(zone, one) for zone, one in found)))


def _price(one: PriceChange) -> PriceEdit:
    if (one.price is None) == (one.factor is None):
        raise Refused(ErrorCode.INVALID_REQUEST, "a price change has either a `price` or a `factor`", status=422)
    value = one.price if one.price is not None else one.factor
    if value is None or not isfinite(value) or value < 0:
        raise Refused(ErrorCode.INVALID_REQUEST, "a price is 0 or more", status=422)
    return PriceEdit(one.instance_type, one.zone, one.price, 1.0 if one.factor is None else one.factor)


def _view(zone: Zone | None, found: Outcome) -> OutcomeView:
    return OutcomeView(
        "" if zone is None else str(zone),
        found.lost,
        tuple(_fleet(fleet) for fleet in found.fleets),
        tuple(_run(run) for run in found.runs),
        found.volumes,
        found.price_before,
        found.price_after,
    )


def _fleet(one: FleetOutcome) -> FleetFate:
    new = Counter(node.zone for node in one.plan.placements) if one.plan is not None else Counter[Zone]()
    waits = one.held or _why(one.plan)
    return FleetFate(one.name, one.lost, _named(new), _named(one.before), _named(one.after), one.margin, waits)


def _run(one: RunOutcome) -> RunFate:
    before, after = (tuple(str(zone) for zone in zones) for zones in (one.before, one.after))
    reason = "it is not retried after an interruption" if one.effect == "stops" and one.plan is None else _why(one.plan)
    return RunFate(one.name, one.effect, before, after, reason)


def _why(plan: DocumentPlan | None) -> str:
    return "" if plan is None or plan.shortfall is None else explain.shortfall_reason(plan.kind, plan.shortfall)


def _named(counts: Mapping[Zone, int]) -> dict[str, int]:
    return {str(zone): count for zone, count in sorted(counts.items()) if count}
