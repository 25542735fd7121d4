"""The JSON Schema of configuration files, for editors: every type, its keys, short and long forms."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from atoll.spec.document import MODELS


class _Generator(GenerateJsonSchema):
    """Pydantic's schema without titles, which editors would show in the place of descriptions."""

    def get_title_from_name(self, name: str) -> str:
        return name

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> dict[str, Any]:
    """The schema of one document of any type."""
    wanted: Sequence[tuple[type[BaseModel], Any]] = [(model, "validation") for model in MODELS.values()]
    references, generated = models_json_schema(wanted, schema_generator=_Generator, ref_template="#/$defs/{model}")
    branches = [
        {
            "if": {"properties": {"type": {"const": type}}, "required": ["type"]},
            "then": references[(model, "validation")],
        }
        for type, model in MODELS.items()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Atoll configuration",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(MODELS)}},
        "allOf": branches,
        "$defs": generated["$defs"],
    }
