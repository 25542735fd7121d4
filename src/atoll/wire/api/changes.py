"""Submitted files, and what applying them changes."""

from dataclasses import dataclass, field
from enum import StrEnum

from atoll.model.diagnostic import Diagnostic
from atoll.wire.api.archives import PackedFiles
from atoll.wire.api.plans import PlanView


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A configuration file as the user wrote it; `name` as the user named it, for diagnostics."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Submission:
    """Files to plan or apply together.

    `environment` holds the values of variables that the files name without a value; `profiles` the text of a profiles
    file; `rerun` starts a finished task again although its file did not change. `name` replaces the name of the only
    run, or else of the only document; `variables` are set in all runs, whatever the files say, and have their values
    in `environment`. `basis` is that of the plan that was shown: an apply with another one is refused (409
    `changed-since-plan`); empty: applied unconditionally. `packed` holds the digests of the entries of `files`: an
    apply needs all of them stored (409 `files-missing`).
    """

    files: tuple[SourceFile, ...]
    environment: dict[str, str] = field(default_factory=dict)
    profiles: SourceFile | None = None
    profile: str | None = None
    rerun: bool = False
    basis: str = ""
    name: str | None = None
    variables: tuple[str, ...] = ()
    packed: tuple[PackedFiles, ...] = ()


class ChangeAction(StrEnum):
    """The effect of applying a document."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    RERUN = "rerun"
    RETRY = "retry"
    """Creates again what a provider refused to create."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One key that differs: its old and new value as text (empty: absent), and whether it changes in place."""

    key: str
    old: str
    new: str
    in_place: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of applying one document.

    `type` is the document's type (fleet, volume, task, …), `id` that of the record that it changes (null: there is none
    yet); `ending` are the ids of the instances that end with a fleet that is replaced.
    """

    type: str
    kind: str
    name: str
    action: ChangeAction
    fields: tuple[FieldChange, ...] = ()
    id: str | None = None
    ending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanResponse:
    """A dry run: the changes, the placements, and errors and warnings.

    `default_profile` is the profile that runs took keys from without naming it. `basis` stands for what the changes
    start from: the ids and configurations of the records, or their absence.
    """

    changes: tuple[Change, ...]
    plan: PlanView
    diagnostics: tuple[Diagnostic, ...] = ()
    default_profile: str | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ApplyResponse:
    """The accepted changes. Work continues after the response; `event` is the newest event before, to follow from."""

    changes: tuple[Change, ...]
    plan: PlanView
    event: int
    diagnostics: tuple[Diagnostic, ...] = ()
