"""Files to documents: reading, profiles, validation, names, and the checks over all documents."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from atoll.configuration.checks import support
from atoll.configuration.reading.document import MODELS, Document, Parsed, Spec, Unread, kind_of, span_of
from atoll.configuration.reading.findings import diagnostics
from atoll.configuration.reading.mending import validated, without_extensions
from atoll.configuration.reading.reader import Path, Place, RawDocument, Unreadable, read
from atoll.configuration.reading.source import SourceFile
from atoll.configuration.types.base import NAME, NAME_RULE
from atoll.configuration.types.environment import unset as unset_variable
from atoll.configuration.types.profile import Profiles
from atoll.configuration.types.run import Run
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.suggestion import did_you_mean

if TYPE_CHECKING:
    from atoll.configuration.checks.zoning import Ground


@dataclass(frozen=True, slots=True)
class Profile:
    """The chosen profile: keys that a run takes over where it does not set them."""

    data: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[Path, Place] = field(default_factory=dict)
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a command sets beside its files: a profile, the name of the only run or document, and variables of all runs.

    Without `profile` the default one of the profiles is taken. The values of the `variables` are in the environment.
    `packed` has the digests of the entries of `files`, by the configuration's name and their local paths.
    """

    profile: str | None = None
    name: str | None = None
    variables: Sequence[str] = ()
    packed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


MOST_FINDINGS = 100
"""Findings after which no further document is read."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A document that may still be without a name. Of one that is not `whole`, faulty parts are left out.

    `written` is its name in the file, which may be no name that a document can have.
    """

    type: str
    spec: Spec
    file: str
    places: Mapping[Path, Place]
    whole: bool = True
    written: str | None = None


def parse(
    files: Sequence[SourceFile],
    *,
    environment: Mapping[str, str] | None = None,
    profiles: SourceFile | None = None,
    ground: "Ground | None" = None,
    applying: bool = False,
    choices: Choices | None = None,
) -> Parsed:
    """The documents of `files`, taken together, and all that is wrong with them. Never raises for their content.

    `environment` has the values of variables that the files only name; `choices` take precedence over the files;
    `ground` is what zones are held against (the built-in directory by default). When `applying`, variables without a
    value and keys that would change what runs are errors.
    """
    found: list[Diagnostic] = []
    choices = choices or Choices()
    profile = _profile(profiles, choices.profile, found)
    reading = _Reading(profile, environment or {}, applying, choices.variables, choices.packed)
    drafts: list[_Draft] = []
    unread: list[Unread] = []
    more = False
    for file in files:
        if more := len(found) >= MOST_FINDINGS:
            break
        for raw in _documents(file, found):
            draft = reading.draft(raw, file.name, found) if raw else None
            drafts += [draft] if draft else []
            if draft is None:
                unread.append(_unread(raw) if raw else Unread())
            if more := len(found) >= MOST_FINDINGS:
                unread.append(Unread())
                break
    if choices.name is not None:
        drafts = _renamed(drafts, choices.name, found)
    named = _named(drafts)
    documents = tuple(one for one, draft in zip(named, drafts, strict=True) if draft.whole)
    partial = tuple(one for one, draft in zip(named, drafts, strict=True) if not draft.whole)
    unread += [
        Unread(one.kind, one.name if draft.written is None else draft.written)
        for one, draft in zip(named, drafts, strict=True)
        if not draft.whole
    ]
    found.extend(_duplicates(named))
    found.extend(_zone_findings(named, ground))
    for document in named:
        found.extend(support.check(document, applying=applying))
        found.extend(_unsent(document) if applying else ())
    return Parsed(
        documents,
        _bounded(ordered(found, files), more),
        tuple(unread),
        partial,
        reading.profile.name if choices.profile is None and any(isinstance(one.spec, Run) for one in named) else None,
    )


def _bounded(found: tuple[Diagnostic, ...], more: bool) -> tuple[Diagnostic, ...]:
    """At most `MOST_FINDINGS`, errors before warnings, and a last one when there are more, or may be."""
    if len(found) <= MOST_FINDINGS and not more:
        return found
    errors = [one for one in found if one.severity is Severity.ERROR]
    warnings = [one for one in found if one.severity is not Severity.ERROR]
    kept = set([*errors, *warnings][:MOST_FINDINGS])
    severity = Severity.ERROR if errors else Severity.WARNING
    message = f"there are more than {MOST_FINDINGS} findings: the rest is not shown"
    return (*(one for one in found if one in kept), Diagnostic("too-many-findings", message, severity))


def _unsent(document: Document) -> Iterable[Diagnostic]:
    """A finding for each entry of `files` whose content is not known."""
    for index, entry in enumerate(document.spec.files if isinstance(document.spec, Run) else ()):
        if entry.digest is None:
            message = f"the content of `{entry.local_path[:200]}` was not sent"
            help = "use `atoll plan` and `atoll apply` of the server's version, which send it"
            yield Diagnostic("unsent-files", message, span=document.span(("files", index)), help=help)


def _zone_findings(documents: Sequence[Document], ground: "Ground | None") -> Iterable[Diagnostic]:
    """What is wrong with backends, regions and zones; modules are imported for the keys that need them."""
    named = {key for one in documents for key in one.spec.model_fields_set}
    if named & {"backend", "backends", "region", "regions"}:
        from atoll.configuration.checks import selection

        for document in documents:
            yield from selection.check(document, ground)
    mounts = "volumes" in named and any(one.kind == "volume" for one in documents)
    if mounts or named & {"availability_zone", "availability_zones"}:
        from atoll.configuration.checks import zoning

        yield from zoning.check(documents, ground)


def _documents(file: SourceFile, found: list[Diagnostic]) -> Iterator[RawDocument | None]:
    """The documents one by one, up to the first that cannot be read, for which and for all after it None stands."""
    empty = True
    try:
        for document in read(file, written=True):
            empty = False
            yield document
    except Unreadable as refused:
        found.append(refused.diagnostic)
        yield None
        return
    if empty:
        help = "begin with `type: fleet`, `type: volume` or `type: task`"
        found.append(Diagnostic("empty-file", f"`{file.name}` is empty", help=help))
        yield None


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the documents of one call are read."""

    profile: Profile
    environment: Mapping[str, str]
    applying: bool
    variables: Sequence[str]
    packed: Mapping[str, Mapping[str, str]]

    def draft(self, raw: RawDocument, file: str, found: list[Diagnostic]) -> _Draft | None:
        """What can be read of a document; what is wrong with it is added to `found`."""
        found.extend(raw.findings)
        type = _type(raw, found)
        if type is None:
            return None
        model = MODELS[type]
        data, places = without_extensions(raw.data), raw.places
        if issubclass(model, Run) and self.profile.data:
            taken = {key: value for key, value in self.profile.data.items() if key not in data}
            data = {**taken, **data}
            places = {**{path: at for path, at in self.profile.places.items() if path[0] in taken}, **places}
        if issubclass(model, Run) and self.variables:
            data = {**data, "env": _with_variables(data.get("env"), self.variables)}
        unset: dict[str, str | int] = {}
        context = {"environment": self.environment, "unset": unset, "packed": self.packed.get(file, {})}
        answer = validated(model, data, places, context)
        seen = {finding.span for finding in raw.findings}
        faults = [one for one in answer.found if one.span not in seen]
        found.extend(faults)
        found.extend(self._unset(unset, places))
        if answer.spec is None:
            return None
        written = raw.data["name"] if isinstance(raw.data.get("name"), str) else None
        whole = not faults and not raw.findings
        return _Draft(type, _placeable(answer.spec, answer.lost), file, answer.places, whole, written)

    def _unset(self, unset: Mapping[str, str | int], places: Mapping[Path, Place]) -> Iterable[Diagnostic]:
        """A finding for each variable without a value: an error when applying."""
        severity = Severity.ERROR if self.applying else Severity.WARNING
        for name, place in unset.items():
            message, cure = unset_variable(name)
            yield Diagnostic("unset-variable", message, severity, span_of(places, ("env", place)), help=cure)


def _with_variables(env: Any, variables: Sequence[str]) -> Any:
    """`env` as it was written, in which these variables take their values from the environment."""
    if isinstance(env, dict):
        return {**env, **dict.fromkeys(variables)}
    if env is not None and not isinstance(env, list):
        return env  # a fault of its own
    written = [entry.partition("=")[0] if isinstance(entry, str) else None for entry in env or ()]
    entries = [name if name in variables else entry for name, entry in zip(written, env or (), strict=True)]
    return [*entries, *(name for name in variables if name not in written)]


def _placeable(spec: Spec, lost: frozenset[str]) -> Spec:
    """The spec without zones that only mean something beside keys of which nothing is known."""
    if not lost & {"backend", "backends", "region", "regions"}:
        return spec
    zones = [key for key in ("availability_zone", "availability_zones") if key in type(spec).model_fields]
    return spec.model_copy(update=dict.fromkeys(zones))


def _unread(raw: RawDocument) -> Unread:
    """What can be said of a document with errors."""
    data = raw.data if isinstance(raw.data, dict) else {}
    type, name = data.get("type"), data.get("name")
    kind = kind_of(type) if isinstance(type, str) and type in MODELS else None
    return Unread(kind, name if isinstance(name, str) else None)


def _type(raw: RawDocument, found: list[Diagnostic]) -> str | None:
    types = ", ".join(f"`{name}`" for name in MODELS)
    if not isinstance(raw.data, dict):
        help = "begin with `type: task` or another type"
        found.append(
            Diagnostic("wrong-type", "a document is a mapping of keys", span=span_of(raw.places, ()), help=help)
        )
        return None
    if "type" not in raw.data:
        span = min((place.key for path, place in raw.places.items() if len(path) == 1 and place.key), default=None,
                   key=lambda one: (one.line, one.column))  # fmt: skip
        found.append(Diagnostic("missing-key", "`type` is missing", span=span, help=f"add `type:` and one of {types}"))
        return None
    type = raw.data["type"]
    if isinstance(type, str) and type in MODELS:
        return type
    cure = did_you_mean(str(type), MODELS, f"the types are {types}")
    shown = f"`{type[:60]}`" if isinstance(type, str) else "this"
    found.append(Diagnostic("unknown-type", f"{shown} is not a type", span=span_of(raw.places, ("type",)), help=cure))
    return None


def _profile(file: SourceFile | None, name: str | None, found: list[Diagnostic]) -> Profile:
    """The profile of that name, or the default one, or none."""
    raw = next(iter(_documents(file, found)), None) if file else None
    if raw is None:
        if name is not None and file is None:
            found.append(Diagnostic("wrong-value", f"there is no profile `{name[:60]}`", help=_PROFILES))
        return Profile()
    found.extend(raw.findings)
    try:
        listed = Profiles.model_validate(raw.data).profiles
    except ValidationError as error:
        found.extend(diagnostics(error, Profiles, raw.places))
        return Profile()
    for index, one in enumerate(listed):
        if one.name == name or (name is None and one.default):
            start = ("profiles", index)
            chosen_by = one.name if name is None else None
            data = {key: value for key, value in raw.data["profiles"][index].items() if key not in ("name", "default")}
            return Profile(
                data,
                {path[2:]: place for path, place in raw.places.items() if path[:2] == start and path[2:]},
                chosen_by,
            )
    if name is not None:
        known = ", ".join(f"`{one.name}`" for one in listed) or "none"
        found.append(Diagnostic("wrong-value", f"there is no profile `{name[:60]}`", help=f"the profiles are {known}"))
    return Profile()


_PROFILES = "profiles are read from `.atoll/profiles.yml` or `.dstack/profiles.yml`"


def _named(drafts: Sequence[_Draft]) -> tuple[Document, ...]:
    """Documents with names: their own, or stable ones made from the file's name."""
    taken = {draft.spec.name for draft in drafts if draft.spec.name}
    unnamed = Counter(draft.file for draft in drafts if not draft.spec.name)
    numbers: dict[str, int] = {}
    documents = []
    for draft in drafts:
        name = draft.spec.name
        if name is None:
            alone = unnamed[draft.file] == 1
            name = _free(_stem(draft.file, draft.type) if alone else _joined(draft), taken, numbers)
            taken.add(name)
        documents.append(Document(draft.type, name, draft.spec, draft.file, draft.places))
    return tuple(documents)


def _renamed(drafts: list[_Draft], name: str, found: list[Diagnostic]) -> list[_Draft]:
    """The only run, or else the only document, under another name; a name that fits none of them is a finding."""
    runs = [draft for draft in drafts if issubclass(MODELS[draft.type], Run)]
    chosen = runs if len(runs) == 1 else drafts
    if len(chosen) != 1:
        if chosen:
            message = f"a name for one document was given, `{name[:60]}`, and the files have {len(chosen)}"
            found.append(Diagnostic("wrong-value", message, help="write each name into its file"))
        return drafts
    if not NAME.match(name):
        found.append(Diagnostic("bad-name", f"`{name[:60]}` cannot be a name", help=NAME_RULE))
        return drafts
    spec = chosen[0].spec.model_copy(update={"name": name})
    return [replace(draft, spec=spec) if draft is chosen[0] else draft for draft in drafts]


def _joined(draft: _Draft) -> str:
    stem = _stem(draft.file, "")
    return f"{stem[: 40 - len(draft.type)]}-{draft.type}" if stem else draft.type


def _stem(file: str, otherwise: str) -> str:
    """`train` of `jobs/Train.atoll.yml`."""
    base = re.split(r"[/\\]", file)[-1].lower()
    base = re.sub(r"(\.(atoll|dstack))?(\.ya?ml)?$", "", base)
    name = re.sub(r"[^a-z0-9]+", "-", base).strip("-")[:41].strip("-")
    return re.sub(r"^[^a-z]+", "", name) or otherwise


def _free(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The name, or it with the first number that is free; `numbers` has the next one for each name."""
    candidate, number = name, numbers.get(name, 2)
    while candidate in taken:
        candidate, number = f"{name[:34]}-{number}", number + 1
    numbers[name] = number
    return candidate


def _duplicates(documents: Iterable[Document]) -> Iterable[Diagnostic]:
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        other = first.setdefault((document.kind, document.name), document)
        if other is not document:
            before = other.span(("name",))
            notes = (f"the first is at {before.file}:{before.line}",) if before else ()
            message = f"two {document.kind}s are named `{document.name}`"
            yield Diagnostic("duplicate-name", message, span=document.span(("name",)), notes=notes)


def ordered(found: Sequence[Diagnostic], files: Sequence[SourceFile]) -> tuple[Diagnostic, ...]:
    """In the order of the files and their lines; first what has no place. Repeats are left out."""
    order = {file.name: index for index, file in enumerate(files, 1)}

    def position(one: Diagnostic) -> tuple[int, int, int]:
        return (order.get(one.span.file, 0), one.span.line, one.span.column) if one.span else (0, 0, 0)

    return tuple(sorted(dict.fromkeys(found), key=position))
