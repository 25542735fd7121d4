"""The configuration of the aws backend: dstack's keys, and Atoll's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from atoll.model.suggestion import did_you_mean
from atoll.tunnels.host import Login

DEFAULT_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1",
    "eu-west-2", "eu-west-3", "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "sa-east-1",
)  # fmt: skip
"""The regions that every AWS account has without opting in, less the smallest ones."""
SILENT_SECONDS = 900.0
"""How long an instance is kept whose agent is silent: networks fail, too."""

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_KEYS = (
    "creds", "regions", "vpc_name", "vpc_ids", "default_vpcs", "public_ips", "tags", "os_images",
    "iam_instance_profile", "endpoint_url", "subnet_ids", "subnet_tags", "ssh_sources", "ssh_key_file",
    "authorized_keys", "proxy_jump", "disk_size", "volumes", "silent_seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in. Nothing set: boto3's default chain (variables, shared files, the instance's role)."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image: its id, a public SSM parameter that holds its id, or its name and owner (the newest counts)."""

    id: str = ""
    parameter: str = ""
    name: str = ""
    owner: str = "self"


@dataclass(frozen=True, slots=True)
class AwsConfig:
    """The settings of one AWS account."""

    credentials: Credentials = Credentials()
    regions: tuple[str, ...] = DEFAULT_REGIONS
    vpc_name: str = ""
    vpc_ids: Mapping[str, str] = field(default_factory=dict)
    default_vpcs: bool = True
    subnet_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subnet_tags: Mapping[str, str] = field(default_factory=dict)
    public_ips: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    cpu_image: Image | None = None
    nvidia_image: Image | None = None
    instance_profile: str = ""
    endpoint_url: str = ""
    ssh_sources: tuple[str, ...] = ()
    ssh_key_file: Path | None = None
    authorized_keys: tuple[str, ...] = ()
    proxy_jump: Login | None = None
    disk_gb: float = 100
    silent_seconds: float = SILENT_SECONDS
    volume_options: Mapping[str, str | int] = field(default_factory=lambda: {"VolumeType": "gp3"})

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> "AwsConfig":
        """From a configuration file. Raises ValueError that says what is wrong, without any value of a secret."""
        for key in mapping:
            if key not in _KEYS:
                help = did_you_mean(key, _KEYS, f"the settings are {', '.join(_KEYS)}")
                raise ValueError(f"the aws backend has no setting `{key}`; {help}")
        images = _mapping(mapping, "os_images")
        if unknown := images.keys() - {"cpu", "nvidia"}:
            raise ValueError(f"`os_images` of the aws backend: cpu and nvidia, not `{min(map(str, unknown))}`")
        key_file = _text(mapping, "ssh_key_file")
        disk_gb = mapping.get("disk_size", 100)
        silent = mapping.get("silent_seconds", SILENT_SECONDS)
        if isinstance(silent, bool) or not isinstance(silent, int | float) or not 30 <= silent <= 86400:
            raise ValueError("`silent_seconds` of the aws backend: a number between 30 and 86400")
        if isinstance(disk_gb, bool) or not isinstance(disk_gb, int | float) or not 8 <= disk_gb <= 16384:
            raise ValueError("`disk_size` of the aws backend: a number of GB between 8 and 16384")
        return cls(
            credentials=_credentials(_mapping(mapping, "creds")),
            regions=_regions(mapping),
            vpc_name=_text(mapping, "vpc_name"),
            vpc_ids=_texts(mapping, "vpc_ids"),
            default_vpcs=_flag(mapping, "default_vpcs"),
            subnet_ids={
                region: _list(_mapping(mapping, "subnet_ids"), region) for region in _mapping(mapping, "subnet_ids")
            },
            subnet_tags=_texts(mapping, "subnet_tags"),
            public_ips=_flag(mapping, "public_ips"),
            tags=_tags(mapping),
            cpu_image=_image(images, "cpu"),
            nvidia_image=_image(images, "nvidia"),
            instance_profile=_text(mapping, "iam_instance_profile"),
            endpoint_url=_text(mapping, "endpoint_url"),
            ssh_sources=_networks(_list(mapping, "ssh_sources")),
            ssh_key_file=Path(key_file).expanduser() if key_file else None,
            authorized_keys=_list(mapping, "authorized_keys"),
            proxy_jump=_jump(_mapping(mapping, "proxy_jump")),
            disk_gb=float(disk_gb),
            silent_seconds=float(silent),
            volume_options=_volumes(_mapping(mapping, "volumes")),
        )


def _credentials(creds: Mapping[str, object]) -> Credentials:
    kinds = {
        "default": ((), ()),
        "access_key": (("access_key", "secret_key"), ("session_token",)),
        "profile": (("profile",), ()),
        "role": (("role_arn",), ("external_id", "profile", "access_key", "secret_key")),
    }
    kind = creds.get("type", "default")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"`creds.type` of the aws backend: one of {', '.join(kinds)}")
    needed, allowed = kinds[kind]
    for key in creds:
        if key != "type" and key not in (*needed, *allowed):
            raise ValueError(f"`creds` of the aws backend with type {kind} has no key `{key}`")
    for key in needed:
        if not creds.get(key):
            raise ValueError(f"`creds` of the aws backend with type {kind} needs `{key}`")
    return Credentials(**{key: _text(creds, key) for key in creds if key != "type"})


def _regions(mapping: Mapping[str, object]) -> tuple[str, ...]:
    regions = _list(mapping, "regions")
    for region in regions:
        if not _REGION.fullmatch(region):
            raise ValueError(f"`regions` of the aws backend: {region!r} is not a region's name, such as us-east-1")
    return tuple(dict.fromkeys(regions)) or DEFAULT_REGIONS


def _tags(mapping: Mapping[str, object]) -> Mapping[str, str]:
    tags = _texts(mapping, "tags")
    for key in tags:
        if key.lower().startswith(("aws:", "atoll-")) or key == "Name" or len(key) > 128:
            raise ValueError(f"`tags` of the aws backend: the key {key!r} is reserved or too long")
    return tags


def _image(images: Mapping[str, object], kind: str) -> Image | None:
    image = images.get(kind)
    if image is None:
        return None
    if not isinstance(image, Mapping):
        raise ValueError(f"`os_images.{kind}` of the aws backend: a mapping with `id`, `parameter` or `name`")
    known = {"id", "parameter", "name", "owner", "user"}
    if unknown := set(image) - known:
        raise ValueError(f"`os_images.{kind}` of the aws backend has no key `{min(map(str, unknown))}`")
    # `user` is dstack's: Atoll logs in as root, which its own user data enables.
    found = Image(_text(image, "id"), _text(image, "parameter"), _text(image, "name"), _text(image, "owner") or "self")
    if not (found.id or found.parameter or found.name):
        raise ValueError(f"`os_images.{kind}` of the aws backend needs `id`, `parameter` or `name`")
    return found


def _networks(sources: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(source)) for source in sources)
    except ValueError as error:
        raise ValueError(f"`ssh_sources` of the aws backend: {error}") from error


def _jump(jump: Mapping[str, object]) -> Login | None:
    if not jump:
        return None
    if unknown := jump.keys() - {"hostname", "port", "user", "identity_file"}:
        raise ValueError(f"`proxy_jump` of the aws backend has no key `{min(map(str, unknown))}`")
    port = jump.get("port", 22)
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise ValueError("`proxy_jump.port` of the aws backend: 1 to 65535")
    if not jump.get("hostname"):
        raise ValueError("`proxy_jump` of the aws backend needs `hostname`")
    return Login(_text(jump, "hostname"), _text(jump, "user"), port, _text(jump, "identity_file") or None)


def _volumes(volumes: Mapping[str, object]) -> Mapping[str, str | int]:
    """What `CreateVolume` gets for the type, IOPS and throughput (MiB/s) of new volumes."""
    if unknown := volumes.keys() - {"type", "iops", "throughput"}:
        raise ValueError(f"`volumes` of the aws backend has no key `{min(unknown)}`")
    kind, iops, throughput = volumes.get("type", "gp3"), volumes.get("iops"), volumes.get("throughput")
    if kind not in ("gp3", "io2"):
        raise ValueError("`volumes.type` of the aws backend: gp3 or io2")
    options: dict[str, str | int] = {"VolumeType": str(kind)}
    for key, name, value, limits in (
        ("iops", "Iops", iops, (100, 256000)),
        ("throughput", "Throughput", throughput, (125, 2000)),
    ):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not limits[0] <= value <= limits[1]:
            raise ValueError(f"`volumes.{key}` of the aws backend: {limits[0]} to {limits[1]}")
        options[name] = value
    if kind == "io2" and iops is None:
        raise ValueError("`volumes` of the aws backend: io2 needs `iops`")
    if kind == "io2" and throughput is not None:
        raise ValueError("`volumes` of the aws backend: `throughput` belongs to gp3 alone")
    return options


def _mapping(mapping: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = mapping.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"`{key}` of the aws backend must be a mapping")
    return {str(name): each for name, each in value.items()}


def _texts(mapping: Mapping[str, object], key: str) -> Mapping[str, str]:
    return {name: str(each) for name, each in _mapping(mapping, key).items()}


def _text(mapping: Mapping[str, object], key: str) -> str:
    value = mapping.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"`{key}` of the aws backend must be a text")
    return value


def _list(mapping: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = mapping.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"`{key}` of the aws backend must be a list of texts")
    return tuple(value)


def _flag(mapping: Mapping[str, object], key: str) -> bool:
    value = mapping.get(key)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"`{key}` of the aws backend: true or false")
    return value is not False
