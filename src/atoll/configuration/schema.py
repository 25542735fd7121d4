"""The JSON Schema of configuration files, for editors: every type, its keys, short and long forms."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from atoll.configuration.meanings import meaning
from atoll.configuration.reading.document import MODELS
from atoll.configuration.reading.findings import models_in
from atoll.configuration.types.profile import FleetReference
from atoll.model.resources import Range


class _Generator(GenerateJsonSchema):
    """Pydantic's schema without titles, which editors would show in the place of descriptions."""

    def get_title_from_name(self, name: str) -> str:
        return name

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> dict[str, Any]:
    """The schema of one document of any type, with a description and the default of every key."""
    wanted: Sequence[tuple[type[BaseModel], Any]] = [(model, "validation") for model in MODELS.values()]
    references, generated = models_json_schema(wanted, schema_generator=_Generator, ref_template="#/$defs/{model}")
    branches = [
        {
            "if": {"properties": {"type": {"const": type}}, "required": ["type"]},
            "then": references[(model, "validation")],
        }
        for type, model in MODELS.items()
    ]
    definitions = generated["$defs"]
    for name, model in parts(*MODELS.values(), FleetReference).items():
        described = _own_properties(definitions[name])
        for key, info in model.model_fields.items():
            one = described[info.alias or key]
            one["description"] = meaning(model, info.alias or key)
            if not info.is_required():
                one["default"] = default(info)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Atoll configuration",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(MODELS)}},
        "allOf": branches,
        "$defs": definitions,
    }


def default(info: FieldInfo) -> Any:
    """The default of a key that need not be set, as a file would say it."""
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, Range):
        return {key: bound for key, bound in (("min", value.min), ("max", value.max)) if bound is not None}
    return sorted(value) if isinstance(value, tuple | frozenset) else value


def parts(*models: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """These models and all that they are made of, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop(0)
        if model.__name__ not in found:
            found[model.__name__] = model
            waiting += [inner for info in model.model_fields.values() for inner in models_in(info.annotation)]
    return found


def _own_properties(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of a model's long form, which is the last branch where there are short ones."""
    long = definition["anyOf"][-1] if "properties" not in definition else definition
    properties: dict[str, dict[str, Any]] = long["properties"]
    return properties
