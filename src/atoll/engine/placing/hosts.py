"""The hosts that fleets declare: `ssh_config` with what holds for all hosts put into each; and blocks."""

from typing import Literal

from atoll.configuration.types.fleet import Fleet
from atoll.configuration.types.hosts import SSH_PORT, Jump, Ssh
from atoll.model.blocks import Division
from atoll.tunnels.host import Host, Login

SSH = "ssh"
"""The backend of hosts of one's own."""


def division_of(spec: Fleet) -> Division:
    """Into how many blocks a fleet's machines are divided; each host may have its own number."""
    hosts = () if spec.ssh_config is None else zip(hosts_of(spec.ssh_config), spec.ssh_config.hosts, strict=True)
    of_types = tuple((host.name, _number(own.blocks)) for host, own in hosts if own.blocks is not None)
    return Division(_number(spec.blocks), of_types)


def _number(blocks: int | Literal["auto"]) -> int | None:
    return None if blocks == "auto" else blocks


def hosts_of(config: Ssh) -> tuple[Host, ...]:
    """Each host with its own values, or else those of the fleet."""
    found = []
    for host in config.hosts:
        user, port = host.user or config.user or "", host.port or config.port or SSH_PORT
        jump = host.proxy_jump or config.proxy_jump
        found.append(
            Host(
                Login(host.hostname, user, port, host.identity_file or config.identity_file),
                None if jump is None else _jump(jump),
                host.availability_zone or config.availability_zone or "",
                host.internal_ip or "",
                config.network or "",
            )
        )
    return tuple(found)


def _jump(jump: Jump) -> Login:
    return Login(jump.hostname, jump.user, jump.port or SSH_PORT, jump.identity_file)
