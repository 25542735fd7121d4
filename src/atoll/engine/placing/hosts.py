"""The hosts that fleets declare: `ssh_config` with what holds for all hosts put into each."""

from atoll.configuration.types.hosts import SSH_PORT, Jump, Ssh
from atoll.tunnels.host import Host, Login

SSH = "ssh"
"""The backend of hosts of one's own."""


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
