"""Whether time alone may cure a shortfall: what does not fit now is planned once more without what passes.

What passes is used and given back, fails and recovers: machines of others, busy instances, remembered failures, zones
that are closed, quotas in use. What does not fit even then never will, as long as its configuration stays.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from atoll.model.catalog import AVAILABILITIES, UNTOLD, Catalog
from atoll.model.failure import FailureKind
from atoll.model.offer import Availability
from atoll.model.zone import Capacity, ZoneState
from atoll.planning.elastic import plan_elastic
from atoll.planning.growth import PlanFunction
from atoll.planning.lasting import refusing_impossible
from atoll.planning.plan import PASSING, DocumentKind, DocumentPlan, Plan, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.recovery import recovering
from atoll.planning.replacement import plan_replacing
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest
from atoll.planning.snapshot import Snapshot, Usage
from atoll.planning.solving.reductions.kinds import kind_of

_LASTING = frozenset({FailureKind.NOT_OFFERED})
"""Failures that say what a place never has."""
_CLOSED = frozenset({ZoneState.CLOSED, ZoneState.DRAINED, ZoneState.IMPAIRED})


def answer(request: Request, snapshot: Snapshot, plan: PlanFunction) -> Plan:
    """The plan of a request, with fleets that grow for its runs; each shortfall says whether it may pass.

    The reason of one that may is the nearest miss among the zones where the document would be. Of an existing fleet
    that does not fit, as many nodes as fit come back, unless a user confirms the plan: then one whose placement could
    never be kept is refused.
    """
    made = plan_replacing(request, snapshot, plan)
    if not made.complete:
        cured = _Cured(request, snapshot, plan)
        documents = tuple(
            cured.judged(document) if document.shortfall is not None else document for document in made.documents
        )
        made = recovering(replace(made, documents=documents), request, snapshot, plan)
    return refusing_impossible(made, request, snapshot, partial(_emptied, snapshot), plan)


class _Cured:
    """The plans of one request once everything has passed that can, each made when it is needed."""

    def __init__(self, request: Request, snapshot: Snapshot, plan: PlanFunction) -> None:
        self._request = request
        self._snapshots = tuple(_relieved(snapshot, request))
        self._plan = plan
        self._whole: list[Plan] = []
        self._runs = {document.name: document for document in request.documents if isinstance(document, RunRequest)}
        self._equal: dict[RunRequest, DocumentPlan | None] = {}

    def judged(self, part: DocumentPlan) -> DocumentPlan:
        """The document's plan, whose shortfall says whether it may pass."""
        assert part.shortfall is not None
        if part.shortfall.code == ShortfallCode.UNDECIDED:
            return part
        then = self._then(part)
        if then is None:
            return part
        return replace(part, shortfall=_nearest(part, part.shortfall, then))

    def _then(self, part: DocumentPlan) -> DocumentPlan | None:
        """The document's plan in which it fits, if there is one; for equal runs found once."""
        if part.kind is not DocumentKind.RUN:
            return next(self._fitting(part), None)
        kind = kind_of(self._runs[part.name])
        if kind not in self._equal:
            self._equal[kind] = next(self._fitting(part), None)
        return self._equal[kind]

    def _fitting(self, part: DocumentPlan) -> Iterator[DocumentPlan]:
        """The document's plans in which it fits: with all of the request, or with the fleets and volumes alone."""
        for made in self._plans(part):
            found = next(
                document for document in made.documents if (document.kind, document.name) == (part.kind, part.name)
            )
            # What is not decided may fit.
            if found.shortfall is None or found.shortfall.code == ShortfallCode.UNDECIDED:
                yield found

    def _plans(self, part: DocumentPlan) -> Iterator[Plan]:
        request = _reusing(self._request)
        for number, snapshot in enumerate(self._snapshots):
            if len(self._whole) <= number:
                self._whole.append(plan_elastic(request, snapshot, self._plan))
            yield self._whole[number]
        needed = [
            document
            for document in request.documents
            if not isinstance(document, RunRequest) or document.name == part.name
        ]
        if len(needed) < len(request.documents):
            for snapshot in self._snapshots:
                yield plan_elastic(replace(request, documents=tuple(needed)), snapshot, self._plan)


def _reusing(request: Request) -> Request:
    """The request in a time when each of its fleets has the nodes that it may have.

    A run that only reuses machines may then find those of fleets that lack them now.
    """
    names = tuple(one.fleet.name for one in request.elastic)
    documents = tuple(
        replace(document, may_create=True, fleets=names if document.fleets is None else document.fleets)
        if isinstance(document, RunRequest) and not document.may_create and names
        else document
        for document in request.documents
    )
    elastic = tuple(ElasticFleet(one.fleet, one.most) for one in request.elastic)
    return replace(request, documents=documents, elastic=elastic)


def _relieved(snapshot: Snapshot, request: Request) -> Iterator[Snapshot]:
    """The world with all existing instances free; and without those of others."""
    calm = replace(
        snapshot,
        catalog=_available(snapshot.catalog),
        zones=tuple(
            replace(info, state=ZoneState.AVAILABLE) if info.state in _CLOSED else info for info in snapshot.zones
        ),
        instances=tuple(replace(instance, busy=False, used_blocks=0, attached=()) for instance in snapshot.instances),
        volumes=tuple(replace(volume, attached_to=()) for volume in snapshot.volumes),
        quotas=tuple(replace(quota, used_cpus=0) for quota in snapshot.quotas),
        failures=tuple(failure for failure in snapshot.failures if failure.kind in _LASTING),
    )
    yield calm
    names = {document.name for document in request.documents if isinstance(document, FleetRequest)}
    own = tuple(instance for instance in calm.instances if instance.fleet in names)
    usage: dict[object, Usage] = {}
    for one in own:
        before = usage[one.zone].used if one.zone in usage else Capacity()
        usage[one.zone] = Usage(one.zone, before + one.instance_type.capacity)
    yield replace(calm, instances=own, usage=tuple(usage.values()))


def _emptied(snapshot: Snapshot) -> Snapshot:
    """The world once everything has passed that can, without any instance."""
    *_, emptied = _relieved(snapshot, Request(""))
    return emptied


def _available(catalog: Catalog) -> Catalog:
    """The catalog in a time when all that is offered can be had."""
    columns = catalog.columns
    there, out = (AVAILABILITIES.index(one) for one in (Availability.AVAILABLE, Availability.UNAVAILABLE))
    availability = np.where(columns.availability == out, np.uint8(there), columns.availability)
    count = np.full(len(columns.count), UNTOLD, dtype=columns.count.dtype)
    columns = replace(columns, availability=availability, count=count)
    return Catalog(catalog.zones, catalog.table.types, columns, catalog.as_of)


def _nearest(part: DocumentPlan, shortfall: Shortfall, then: DocumentPlan) -> Shortfall:
    """The shortfall as one that may pass; its reason is one that passes, of a zone that will be used."""
    if not isinstance(shortfall.code, RefusalCode) or shortfall.code == RefusalCode.VOLUME_ATTACHED:
        return replace(shortfall, passes=True)
    # A zone without a refusal is used, or holds nodes of the fleet and could take more.
    unfit = {refusal.zone for refusal in then.refusals if refusal.code is not RefusalCode.NOT_NEEDED}
    near = [refusal for refusal in part.refusals if refusal.zone not in unfit and refusal.code in PASSING]
    if not near:
        return replace(shortfall, passes=True)
    alike = sum(one.code is near[0].code for one in near)
    growing = {key: shortfall.data[key] for key in ("growing", "nodes") if key in shortfall.data}
    data = {**near[0].data, "zone": str(near[0].zone), "alike": alike, **growing}
    return replace(shortfall, code=near[0].code, data=data, passes=True)
