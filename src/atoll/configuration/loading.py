"""Files to documents: reading, profiles, validation, names, and the checks over all documents."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from atoll.configuration.checks import acted
from atoll.configuration.reading.document import MODELS, Document, Parsed, Spec, Unread, kind_of, span_of
from atoll.configuration.reading.findings import diagnostics
from atoll.configuration.reading.reader import Path, Place, RawDocument, Unreadable, read
from atoll.configuration.reading.source import SourceFile
from atoll.configuration.types.profile import Profiles
from atoll.configuration.types.run import Run
from atoll.model.diagnostic import Diagnostic

if TYPE_CHECKING:
    from atoll.configuration.checks.zoning import Ground


@dataclass(frozen=True, slots=True)
class Profile:
    """The chosen profile: keys that a run takes over where it does not set them."""

    data: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[Path, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A valid document that may still be without a name."""

    type: str
    spec: Spec
    file: str
    places: Mapping[Path, Place]


def parse(
    files: Sequence[SourceFile],
    *,
    environment: Mapping[str, str] | None = None,
    profiles: SourceFile | None = None,
    profile: str | None = None,
    ground: "Ground | None" = None,
) -> Parsed:
    """The documents of `files`, taken together, and all that is wrong with them. Never raises for their content.

    `environment` has the values of variables that the files only name; `profile` is chosen from `profiles`, or else its
    default one; `ground` is what zones are held against (the built-in directory unless told).
    """
    found: list[Diagnostic] = []
    chosen = _profile(profiles, profile, found)
    drafts: list[_Draft] = []
    unread: list[Unread] = []
    for file in files:
        raws = _documents(file, found)
        unread += [] if raws else [Unread()]
        for raw in raws:
            drafted = _draft(raw, file.name, chosen, environment or {}, found)
            drafts += drafted
            unread += [] if drafted else [_unread(raw)]
    documents = _named(drafts)
    found.extend(_duplicates(documents))
    found.extend(_zone_findings(documents, ground))
    for document in documents:
        found.extend(acted.warnings(document))
    return Parsed(documents, ordered(found, files), tuple(unread))


def _zone_findings(documents: Sequence[Document], ground: "Ground | None") -> Iterable[Diagnostic]:
    told = {key for one in documents for key in one.spec.model_fields_set}
    mounts = "volumes" in told and any(one.kind == "volume" for one in documents)
    if not mounts and not told & {"availability_zone", "availability_zones"}:
        return ()
    from atoll.configuration.checks import zoning

    return zoning.check(documents, ground)


def _documents(file: SourceFile, found: list[Diagnostic]) -> list[RawDocument]:
    """The documents that can be read, up to the first that cannot."""
    documents: list[RawDocument] = []
    try:
        documents.extend(iter(read(file)))
    except Unreadable as refused:
        found.append(refused.diagnostic)
        return []
    if not documents:
        help = "begin with `type: fleet`, `type: volume` or `type: task`"
        found.append(Diagnostic("empty-file", f"`{file.name}` is empty", help=help))
    return documents


def _draft(
    raw: RawDocument, file: str, profile: Profile, environment: Mapping[str, str], found: list[Diagnostic]
) -> list[_Draft]:
    """The validated document, or an empty list and what is wrong with it."""
    found.extend(raw.findings)
    type = _type(raw, found)
    if type is None:
        return []
    model = MODELS[type]
    data, places = raw.data, raw.places
    if issubclass(model, Run) and profile.data:
        taken = {key: value for key, value in profile.data.items() if key not in data}
        data = {**taken, **data}
        places = {**{path: place for path, place in profile.places.items() if path[0] in taken}, **places}
    try:
        spec = model.model_validate(data, context={"environment": environment})
    except ValidationError as error:
        told = {one.span for one in raw.findings}
        found.extend(one for one in diagnostics(error, model, places) if one.span not in told)
        return []
    return [_Draft(type, spec, file, places)] if not raw.findings else []


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
    from difflib import get_close_matches

    near = get_close_matches(str(type), MODELS, n=1)
    help = f"did you mean `{near[0]}`?" if near else f"the types are {types}"
    shown = f"`{type[:60]}`" if isinstance(type, str) else "this"
    found.append(Diagnostic("unknown-type", f"{shown} is not a type", span=span_of(raw.places, ("type",)), help=help))
    return None


def _profile(file: SourceFile | None, name: str | None, found: list[Diagnostic]) -> Profile:
    """The profile of that name, or the default one, or none."""
    raws = _documents(file, found) if file else []
    if not raws:
        if name is not None and file is None:
            found.append(Diagnostic("wrong-value", f"there is no profile `{name[:60]}`", help=_PROFILES))
        return Profile()
    raw = raws[0]
    found.extend(raw.findings)
    try:
        listed = Profiles.model_validate(raw.data).profiles
    except ValidationError as error:
        found.extend(diagnostics(error, Profiles, raw.places))
        return Profile()
    for index, one in enumerate(listed):
        if one.name == name or (name is None and one.default):
            start = ("profiles", index)
            data = {key: value for key, value in raw.data["profiles"][index].items() if key not in ("name", "default")}
            return Profile(
                data, {path[2:]: place for path, place in raw.places.items() if path[:2] == start and path[2:]}
            )
    if name is not None:
        known = ", ".join(f"`{one.name}`" for one in listed) or "none"
        found.append(Diagnostic("wrong-value", f"there is no profile `{name[:60]}`", help=f"the profiles are {known}"))
    return Profile()


_PROFILES = "profiles are read from `.atoll/profiles.yml` or `.dstack/profiles.yml`"


def _named(drafts: Sequence[_Draft]) -> tuple[Document, ...]:
    """Documents with names: their own, or stable ones made from the file's name."""
    taken = {draft.spec.name for draft in drafts if draft.spec.name}
    documents = []
    for draft in drafts:
        name = draft.spec.name
        if name is None:
            alone = sum(other.file == draft.file and not other.spec.name for other in drafts) == 1
            name = _free(_stem(draft.file, draft.type) if alone else _joined(draft), taken)
            taken.add(name)
        documents.append(Document(draft.type, name, draft.spec, draft.file, draft.places))
    return tuple(documents)


def _joined(draft: _Draft) -> str:
    stem = _stem(draft.file, "")
    return f"{stem[: 40 - len(draft.type)]}-{draft.type}" if stem else draft.type


def _stem(file: str, otherwise: str) -> str:
    """`train` of `jobs/Train.atoll.yml`."""
    base = re.split(r"[/\\]", file)[-1].lower()
    base = re.sub(r"(\.(atoll|dstack))?(\.ya?ml)?$", "", base)
    name = re.sub(r"[^a-z0-9]+", "-", base).strip("-")[:41].strip("-")
    return re.sub(r"^[^a-z]+", "", name) or otherwise


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name[:34]}-{number}", number + 1
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
