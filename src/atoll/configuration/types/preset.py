"""The preset: dstack's request to have an agent find out how a model is served best. It is read and checked."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from atoll.configuration.types.base import Flag, Model, Name, Positive, Text, Texts, Whole, refusal, wrong_value
from atoll.configuration.types.environment import Environment
from atoll.configuration.types.profile import FleetName, ProfileParameters
from atoll.configuration.types.support import Later


class PresetModel(Model):
    """The model that a preset serves: `repo`, the exact one, or `base`, of which variants will do too."""

    name: Text | None = None
    repo: Text | None = None
    base: Text | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string"},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        return {"repo": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> "PresetModel":
        if (self.repo is None) == (self.base is None):
            raise wrong_value("one of `repo` and `base`")
        return self


class PresetAgent(Model):
    """The agent that works out a preset."""

    provider: Literal["claude", "codex"] = "claude"
    model: Text | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class PromptFile(Model):
    """Instructions in a file."""

    path: Text


class Preset(ProfileParameters):
    """How a model is served best, found out by trials."""

    later: ClassVar[Later | None] = Later("this release runs tasks")

    type: Literal["preset"]
    name: Name | None = None
    model: PresetModel | None = None
    base: Text | None = None
    repo: Text | None = None
    prompt: Text | PromptFile | None = None
    min_context_length: Positive | None = None
    max_ttft: Positive | None = None
    trials: Positive | None = None
    previous: Texts | None = None
    concurrency: Positive | None = None
    input_tokens: Positive | None = None
    output_tokens: Annotated[int, Field(strict=True, ge=2)] | None = None
    shared_prefix_tokens: Whole | None = None
    dataset: Text | None = None
    baseline: Flag | None = None
    gateway: Flag | FleetName | None = None
    agent: PresetAgent | None = None
    env: Environment = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_model(self) -> "Preset":
        given = [key for key in ("model", "base", "repo") if getattr(self, key) is not None]
        if not given:
            raise refusal("missing-key", "a preset needs `model`, `base` or `repo`", "add `repo:` and the model's name")
        if len(given) > 1:
            raise wrong_value("one of `model`, `base` and `repo`", (given[1],))
        return self
