"""Does the printed change, made, let the document fit?"""

from atoll.planning import plan
from atoll.planning.plan import Cure, DocumentPlan
from atoll.planning.request import (
    Document,
    Request,
    VolumeRequest,
)
from tests.planning import rules
from tests.planning.relief import relieved
from tests.planning.worlds import Case


def _planned(case: Case, document: Document, changed: Document) -> DocumentPlan:
    place = case.request.documents.index(document)
    documents = tuple(changed if i == place else d for i, d in enumerate(case.request.documents))
    return plan(Request(case.request.id, documents), case.snapshot).documents[place]


def holds(case: Case, document: Document, cure: Cure, text: str) -> bool:
    """The printed change, made, lets the document fit; what is printed of zones and price holds then."""
    value = cure.value
    if cure.requirement == "max_price" and value is not None:
        value = float(text.partition(" to ")[2].partition(":")[0])
    changed = relieved(document, cure.requirement, value)
    part = _planned(case, document, changed)
    if part.shortfall is not None or changed == document:
        return False
    new = [node.price for node in part.placements if node.source.value == "new"]
    if "from $" in text and not new:
        return False
    if isinstance(document, VolumeRequest):
        assert isinstance(changed, VolumeRequest)
        return set(cure.zones) == set(rules.volume_homes(changed, case.snapshot))
    return {node.zone for node in part.placements} <= set(cure.zones) or not part.placements
