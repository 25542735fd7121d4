"""The answer to a plan or an apply."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from atoll.model.diagnostic import Diagnostic
from atoll.model.market import StalePart
from atoll.planning.plan import DocumentPlan, Plan, ShortfallCode
from atoll.wire.api import Change


@dataclass(frozen=True, slots=True)
class Planned:
    """What would change (or was accepted), where it goes, and what is worth a warning.

    `default_profile` is the profile that runs took keys from without naming it. `event` is the newest event
    before it; `instance_names` has the names of the existing instances in the plan; `patient` are the documents
    (kind, name) that wait for capacity. `unlisted` has the error of each backend whose offers could not be listed, and
    `stale` what is older than it should be of those that were.
    """

    changes: tuple[Change, ...]
    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()
    event: int = 0
    default_profile: str | None = None
    instance_names: Mapping[str, str] = field(default_factory=dict)
    patient: frozenset[tuple[str, str]] = frozenset()
    basis: str = ""
    unlisted: Mapping[str, str] = field(default_factory=dict)
    stale: tuple[StalePart, ...] = ()

    def waits(self, document: DocumentPlan) -> bool:
        """Whether a document that does not fit, or is not decided, is accepted all the same, and waits."""
        short = document.shortfall
        if short is None:
            return False
        patient = (document.kind.value, document.name) in self.patient
        return short.code == ShortfallCode.UNDECIDED or (short.passes and patient)

    @property
    def complete(self) -> bool:
        """Whether all documents are placed or wait."""
        return all(document.shortfall is None or self.waits(document) for document in self.plan.documents)
