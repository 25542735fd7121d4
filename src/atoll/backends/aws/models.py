"""The models of AWS's services, reduced to the operations that Atoll calls.

The whole model of EC2 takes 25 MiB and a third of a second, for 750 operations of which Atoll calls two dozen. boto3
reads it through a loader that a session may be given.
"""

import gzip
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from atoll.backends.aws.permissions import ACTIONS

_MODEL = "service-2"
_OPERATIONS = {name.replace("_", "") for _, name in ACTIONS}
"""As boto3 calls them, without the underscores: `describe_vpcs` is `DescribeVpcs` in a model."""


class _Model(msgspec.Struct, omit_defaults=True):
    """A service's model, with operations and shapes as they are written."""

    metadata: dict[str, Any]
    operations: dict[str, msgspec.Raw]
    shapes: dict[str, msgspec.Raw]
    version: str = ""


def session() -> Any:
    """A session of botocore that reads reduced models."""
    import botocore.session
    from botocore.loaders import Loader

    made = botocore.session.get_session()
    paths = (made.get_config_variable("data_path") or "").split(os.pathsep)
    made.register_component("data_loader", Loader([path for path in paths if path], file_loader=_files()))
    return made


def _files() -> Any:
    from botocore.loaders import JSONFileLoader

    class Files(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
        def load_file(self, file_path: str) -> Any:
            path = Path(file_path)
            packed = path.with_name(f"{_MODEL}.json.gz")
            if path.name == _MODEL and packed.exists():
                return reduced(gzip.decompress(packed.read_bytes()), _OPERATIONS)
            return super().load_file(file_path)

    return Files()


def reduced(content: bytes, operations: Collection[str]) -> dict[str, Any]:
    """A model with these operations alone (lower case), the shapes that they need, and no documentation."""
    model = msgspec.json.decode(content, type=_Model)
    kept = {
        name: _plain(msgspec.json.decode(raw)) for name, raw in model.operations.items() if name.lower() in operations
    }
    shapes: dict[str, Any] = {}
    missing = [name for operation in kept.values() for name in _shapes_in(operation)]
    while missing:
        name = missing.pop()
        if name not in shapes:
            shapes[name] = _plain(msgspec.json.decode(model.shapes[name]))
            missing += _shapes_in(shapes[name])
    return {"version": model.version, "metadata": model.metadata, "operations": kept, "shapes": shapes}


def _plain(content: Any) -> Any:
    """The same without documentation, which no call needs."""
    if isinstance(content, list):
        return [_plain(each) for each in content]
    if not isinstance(content, dict):
        return content
    return {
        key: _plain(value) for key, value in content.items() if key != "documentation" or not isinstance(value, str)
    }


def _shapes_in(content: Any) -> list[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(content, list):
        return [name for each in content for name in _shapes_in(each)]
    if not isinstance(content, dict):
        return []
    own = [content["shape"]] if isinstance(content.get("shape"), str) else []
    return own + [name for value in content.values() for name in _shapes_in(value)]
