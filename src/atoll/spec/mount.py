"""A mount of a run: one of several volumes at a path, or a folder of the instance at a path."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from atoll.spec.base import Flag, Model, Text, refusal, wrong_type, wrong_value

_RANK = re.compile(r"\$\{\{ *(?:dstack|atoll)\.node_rank *\}\}")
_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*\Z")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Text, ...], BeforeValidator(_as_list, json_schema_input_type=Text | tuple[Text, ...])]


class Mount(Model):
    """`name:/path`, `/instance/path:/path`, or the mapping.

    `names` are volumes of which any will do, empty for a folder of the instance.
    """

    names: Names = Field(default=(), alias="name")
    instance_path: Text | None = None
    path: Text
    optional: Flag = False

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string", "pattern": r"^[^:]+(:[^}][^:]*)?:/.*$"},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        source, colon, path = value.rpartition(":")
        if not colon or not source:
            raise wrong_value("a mount such as `data:/data`")
        return {"instance_path" if source.startswith("/") else "name": source, "path": path}

    @model_validator(mode="after")
    def _one_source(self) -> "Mount":
        if not self.path.startswith("/"):
            raise wrong_value("a path that begins with `/`, as in `data:/data`", ("path",))
        if bool(self.names) == (self.instance_path is not None):
            raise refusal("missing-key", "a mount needs either `name` or `instance_path`")
        if self.instance_path is not None and not self.instance_path.startswith("/"):
            raise wrong_value("an `instance_path` that begins with `/`", ("instance_path",))
        for name in self.names:
            if not _VOLUME.match(_RANK.sub("0", name)):
                help = "`${{ dstack.node_rank }}` is the only value that a name can take in" if "${{" in name else None
                raise refusal("bad-name", f"`{name[:60]}` is not the name of a volume", help)
        return self

    def names_for(self, rank: int) -> tuple[str, ...]:
        """The volumes that the node of this rank may take, the first that fits."""
        return tuple(_RANK.sub(str(rank), name) for name in self.names)


class RegistryAuth(Model):
    """How to sign in to an image registry."""

    username: Text | None = None
    password: Text | None = None


class FileMapping(Model):
    """A local file or folder and where it goes: `path`, `local:remote`, or the mapping."""

    local_path: Text
    path: Text | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string", "minLength": 1},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value:
            raise wrong_type("a path")
        local, colon, remote = value.partition(":")
        return {"local_path": local, **({"path": remote} if colon else {})}
