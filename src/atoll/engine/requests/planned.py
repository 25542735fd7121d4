"""The answer to a plan or an apply."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from atoll.model.diagnostic import Diagnostic
from atoll.planning.plan import Plan
from atoll.wire.api import Change


@dataclass(frozen=True, slots=True)
class Planned:
    """What would change (or was accepted), where it goes, and what is worth a warning.

    `default_profile` is the profile that runs took keys from without naming it. `event` is the newest event
    before it; `instance_names` has the names of the existing instances in the plan.
    """

    changes: tuple[Change, ...]
    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()
    event: int = 0
    default_profile: str | None = None
    instance_names: Mapping[str, str] = field(default_factory=dict)
