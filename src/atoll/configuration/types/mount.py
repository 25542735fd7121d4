"""A mount of a run: one of several volumes at a path, or a folder of the instance; and the files put in beside."""

import posixpath
import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator
from pydantic import WithJsonSchema as Schema

from atoll.configuration.types.base import Flag, Model, Text, refusal, wrong_type, wrong_value

_RANK = re.compile(r"\$\{\{ *(?:dstack|atoll)\.node_rank *\}\}")
MOST_NAMES = 100
"""Volumes of which a mount takes one."""
_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*\Z")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Text, ...], BeforeValidator(_as_list, json_schema_input_type=Text | tuple[Text, ...])]


class VolumeMount(Model):
    """A volume at a path: `name:/path`, or the mapping."""

    names: Names = Field(alias="name")
    path: Text

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string", "pattern": r"^[^/:][^:]*:/[^:]*$"},)

    @model_validator(mode="after")
    def _possible(self) -> "VolumeMount":
        _rooted(self.path, "path")
        if not 1 <= len(self.names) <= MOST_NAMES:
            raise wrong_value(f"the name of a volume, or at most {MOST_NAMES} of them", ("name",))
        for name in self.names:
            if not _VOLUME.match(_RANK.sub("0", name)):
                help = "`${{ dstack.node_rank }}` is the only value that a name can take in" if "${{" in name else None
                raise refusal("bad-name", f"`{name[:60]}` is not the name of a volume", help, ("name",))
        return self

    def names_for(self, rank: int) -> tuple[str, ...]:
        """The volumes that the node of this rank may take, the first that fits."""
        return tuple(_RANK.sub(str(rank), name) for name in self.names)


class InstanceMount(Model):
    """A folder of the machine at a path: `/instance/path:/path`, or the mapping."""

    instance_path: Text
    path: Text
    optional: Flag = False

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string", "pattern": "^/[^:]*:/[^:]*$"},)

    @model_validator(mode="after")
    def _possible(self) -> "InstanceMount":
        _rooted(self.path, "path")
        _rooted(self.instance_path, "instance_path")
        return self


def _rooted(path: str, key: str) -> None:
    if not path.startswith("/"):
        raise wrong_value("a path that begins with `/`, as in `data:/data`", (key,))


def _mount(value: Any) -> Any:
    """The mount of the right kind; a mapping with `instance_path` is of a folder."""
    if isinstance(value, str):
        source, _, path = value.rpartition(":")
        if not source:
            raise wrong_value("a mount such as `data:/data`")
        value = {"instance_path" if source.startswith("/") else "name": source, "path": path}
    if isinstance(value, dict) and "instance_path" in value:
        return InstanceMount.model_validate(value)
    return value if isinstance(value, InstanceMount) else VolumeMount.model_validate(value)


Mount = Annotated[
    VolumeMount | InstanceMount, BeforeValidator(_mount, json_schema_input_type=VolumeMount | InstanceMount)
]


class RegistryAuth(Model):
    """How to sign in to an image registry."""

    username: Text | None = None
    password: Text | None = None

    @model_validator(mode="after")
    def _signs_in(self, info: ValidationInfo) -> "RegistryAuth":
        if info.context is not None and not self.password:
            raise refusal("missing-key", "`registry_auth` needs `password`", "add it, as `${{ secrets.NAME }}`")
        return self


Digest = Annotated[Text, Schema({"type": "string", "pattern": "^[0-9a-f]{64}$"})]
_DIGEST = re.compile("[0-9a-f]{64}")
_SYSTEM = ("/proc", "/sys", "/dev")


class FileMapping(Model):
    """A local file or folder and where it goes: `path`, `local:remote`, or the mapping."""

    local_path: Text
    path: Text | None = None
    digest: Digest | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string", "minLength": 1},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value:
            raise wrong_type("a path")
        local, colon, remote = value.partition(":")
        return {"local_path": local, **({"path": remote} if colon else {})}

    @model_validator(mode="after")
    def _possible(self, info: ValidationInfo) -> "FileMapping":
        if info.context is None:
            return self
        if not self.local_path or "\0" in self.local_path + (self.path or ""):
            raise wrong_value("the path of a file or folder", ("local_path",))
        if self.digest is not None and _DIGEST.fullmatch(self.digest) is None:
            raise wrong_value("a SHA-256 in hexadecimal", ("digest",))
        _check_target(self.target, self.local_path, "local_path" if self.path is None else "path")
        digest = info.context.get("packed", {}).get(self.local_path, self.digest)
        return self if digest == self.digest else self.model_copy(update={"digest": digest})

    @property
    def target(self) -> str:
        """Where it is put: absolute, `~` or below it, or relative to the folder in which the commands begin."""
        return posixpath.normpath(self.path or self.local_path)


def _check_target(target: str, local: str, key: str) -> None:
    """Raises for a place that is none of the job's."""
    if target == ".." or target.startswith("../"):
        help = f"say where it goes: `{local}:{posixpath.basename(local.rstrip('/.')) or 'files'}`"
        raise refusal("wrong-value", f"`{target}` leads out of the job's folder", help, (key,))
    if target.startswith("~") and target != "~" and not target.startswith("~/"):
        raise wrong_value("a path of the job's own user: `~/…`", (key,))
    if target in ("/", "//") or any(target == top or target.startswith(top + "/") for top in _SYSTEM):
        raise refusal("wrong-value", f"the system needs `{target}`", "put the files elsewhere", (key,))
