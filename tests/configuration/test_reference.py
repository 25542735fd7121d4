"""The page of the configuration has every key, and every key has its meaning."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from atoll.configuration.meanings import MEANINGS, meaning
from atoll.configuration.reading.document import MODELS
from atoll.configuration.reference import page
from atoll.configuration.schema import parts
from atoll.configuration.types.profile import FleetReference, Profiles
from tests.configuration.conftest import DATA

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
EVERY = parts(*MODELS.values(), FleetReference, Profiles)
DSTACK = yaml.safe_load((DATA / "dstack-keys.yml").read_text())


def keys(model: type[BaseModel]) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()}


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m atoll.configuration.reference > docs/configuration.md`"


@pytest.mark.parametrize("model", EVERY.values(), ids=EVERY)
def test_every_key_says_what_it_means_and_has_a_row_in_the_page(model: type[BaseModel]) -> None:
    text = PAGE.read_text()
    for key in keys(model) - {"profiles"} - (keys(FleetReference) if model is FleetReference else set()):
        assert meaning(model, key).endswith((".", "`.")), key
        assert any(line.startswith(f"| `{key}` |") and meaning(model, key) in line for line in text.splitlines()), key


def test_no_meaning_is_of_a_key_that_does_not_exist() -> None:
    ancestors = {
        base.__name__: base for model in EVERY.values() for base in model.__mro__ if issubclass(base, BaseModel)
    }
    for name, meanings in MEANINGS.items():
        assert meanings.keys() <= keys(ancestors[name]), name


@pytest.mark.parametrize("name", DSTACK)
def test_every_key_of_dstack_is_a_key_here(name: str) -> None:
    assert set(DSTACK[name]) <= keys(EVERY[name])
