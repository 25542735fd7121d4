"""Hosts of one's own in a fleet: `ssh_config`."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from atoll.configuration.types.base import Model, Positive, Text, wrong_value

SSH_PORT = 22
MOST_HOSTS = 1000


def _host_name(text: str) -> str:
    with suppress(ValueError):
        return str(ip_address(text))
    if not text or text.startswith("-") or any(char.isspace() or char in "@/:" for char in text):
        raise wrong_value("a host name or an IP address, without user or port")
    return text


def _port(number: int) -> int:
    if number > 65535:
        raise wrong_value("a port from 1 to 65535")
    return number


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise wrong_value("an IP network such as `10.0.0.0/16`") from None
    return text


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise wrong_value("an IP address such as `10.0.0.5`") from None
    return text


HostName = Annotated[Text, AfterValidator(_host_name)]
Port = Annotated[Positive, AfterValidator(_port)]


class Jump(Model):
    """A host that SSH goes through."""

    hostname: HostName
    port: Port | None = None
    user: Text
    identity_file: Text


class Host(Model):
    """A machine reached by SSH: its host name, or the mapping. `availability_zone` is the site where it stands."""

    hostname: HostName
    port: Port | None = None
    user: Text | None = None
    identity_file: Text | None = None
    proxy_jump: Jump | None = None
    internal_ip: Annotated[Text, AfterValidator(_address)] | None = None
    blocks: Positive | Literal["auto"] | None = None
    availability_zone: Text | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string"},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        return {"hostname": value} if isinstance(value, str) else value


class Ssh(Model):
    """Machines of one's own; what stands beside `hosts` holds for each host that has no value of its own."""

    user: Text | None = None
    port: Port | None = None
    identity_file: Text | None = None
    proxy_jump: Jump | None = None
    availability_zone: Text | None = None
    hosts: Annotated[tuple[Host, ...], Field(min_length=1, max_length=MOST_HOSTS)]
    network: Annotated[Text, AfterValidator(_network)] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "Ssh":
        for values, key in ((self._names(), "hostname"), (self._internal_ips(), "internal_ip")):
            seen: dict[str, int] = {}
            for index, text in values:
                if text in seen:
                    place = ("hosts", index)
                    raise wrong_value(f"each host once: `{key}` {text} is that of host {seen[text] + 1} too", place)
                seen[text] = index
        return self

    def _names(self) -> Iterator[tuple[int, str]]:
        for index, host in enumerate(self.hosts):
            port = host.port or self.port or SSH_PORT
            yield index, host.hostname if port == SSH_PORT else f"{host.hostname}:{port}"

    def _internal_ips(self) -> Iterator[tuple[int, str]]:
        for index, host in enumerate(self.hosts):
            if host.internal_ip is not None:
                yield index, host.internal_ip
