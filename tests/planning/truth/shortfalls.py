"""Is it true why a document as a whole does not fit?"""

from atoll.planning.plan import DocumentPlan, Plan, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.reasons.explain import shortfall_reason
from atoll.planning.request import (
    Document,
    FleetRequest,
    Strategy,
    VolumeRequest,
)
from tests.planning import rules
from tests.planning.truth.said import Said, missing, most
from tests.planning.worlds import Case


def holds(case: Case, answer: Plan, document: Document, part: DocumentPlan, short: Shortfall) -> bool:
    data = short.data
    if short.code in set(RefusalCode):
        near = next((r for r in part.refusals if r.code == short.code and str(r.zone) == data.get("zone")), None)
        return near is not None or short.code == RefusalCode.VOLUME_ATTACHED
    if isinstance(document, FleetRequest):
        if short.code == ShortfallCode.MIN_ZONES:
            serving = tuple(str(zone) for zone in rules.serving(document, case.snapshot))
            return data["zones"] == serving and not rules.has_enough_zones(document, case.snapshot)
        if short.code == ShortfallCode.NOT_ENOUGH:
            return _not_enough(Said(case, answer, document, part, part.refusals[0]), short) if part.refusals else True
    names = data.get("volumes")
    known = {v.name for v in case.snapshot.volumes}
    if short.code == ShortfallCode.UNKNOWN_VOLUME:
        requested = {d.name for d in case.request.documents if isinstance(d, VolumeRequest)}
        return isinstance(names, tuple) and not (known | requested) & set(names)
    if short.code == ShortfallCode.UNPLACED_VOLUME:
        failed = {p.name for p in answer.documents if p.kind.value == "volume" and p.shortfall is not None}
        return isinstance(names, tuple) and bool(failed & set(names))
    if short.code == ShortfallCode.VOLUMES_APART:
        one, other = data["one_zones"], data["other_zones"]
        return isinstance(one, tuple) and isinstance(other, tuple) and not set(one) & set(other)
    if short.code == ShortfallCode.NO_OFFERS:
        return not part.refusals
    return True


def _not_enough(said: Said, short: Shortfall) -> bool:
    """So many nodes fit, in the zone named or in all together; that many more do not."""
    data, fleet = short.data, said.document
    assert isinstance(fleet, FleetRequest)
    wanted, fits, lacking = missing(fleet, said.case), data["fits"], data["missing"]
    assert isinstance(fits, int)
    assert isinstance(lacking, int)
    if lacking != wanted or f"can take the most, {lacking}" in shortfall_reason(said.part.kind, short):
        return False
    if data["strategy"] == Strategy.CLUSTER.value:
        named = {zone for zone in rules.zones_of(said.case.snapshot) if str(zone) == data["zone"]}
        return most(said, named, min(wanted, fits + 1)) == min(fits, 4)
    if fits > 2:
        return True
    return most(said, set(rules.eligible(said.requirements, said.case.snapshot)), min(wanted, fits + 1)) == fits
