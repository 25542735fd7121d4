"""The hosts of this installation's instances: one kept SSH connection for each, which starts its agent."""

import asyncio
from dataclasses import replace
from pathlib import Path

from atoll.backends.aws.config import AwsConfig
from atoll.backends.base import Machine, MachineState
from atoll.backends.hosts.host import MOST_CONNECTING, SshHost
from atoll.backends.hosts.keys import Keys
from atoll.model.offer import Market
from atoll.tunnels.host import Host, Login
from atoll.tunnels.pins import Pins

USER = "root"
METADATA = "http://169.254.169.254"
"""Source: Amazon EC2 user guide, "Access instance metadata"."""


class InstanceHosts:
    """The hosts by instance id. Each runs the agent of its instance as root, because disks are mounted there."""

    def __init__(self, config: AwsConfig, keys: Keys, folder: Path) -> None:
        self._config = config
        self._keys = keys
        self._pins = Pins(folder / "known_hosts")
        self._making = asyncio.Semaphore(MOST_CONNECTING)
        self._hosts: dict[str, SshHost] = {}

    def get(self, machine: str) -> SshHost | None:
        """The host of an instance; None where there is no connection to it yet."""
        return self._hosts.get(machine)

    async def see(self, machine: Machine, owner: str) -> Machine:
        """The machine with its endpoint. Connects to it where it runs, and disconnects where it ends."""
        if machine.state in (MachineState.DELETING, MachineState.GONE):
            await self.drop(machine.id)
            return machine
        address = machine.public_address if self._config.public_ips else None
        address = address or machine.address
        if machine.state is not MachineState.READY or address is None or machine.reason:
            return machine
        host = await self._of(machine, address, owner)
        host.want(machine.id)
        if host.endpoint is None:
            host.link.hurry()  # it was not up yet: a machine that boots is tried at each look
            problem = host.problem
            reason = problem.message if problem is not None else "its agent is being started"
            return replace(machine, state=MachineState.CREATING, reason=reason)
        return replace(machine, endpoint=host.endpoint)

    async def drop(self, machine: str) -> None:
        """End the connection to an instance that ends."""
        host = self._hosts.pop(machine, None)
        if host is not None:
            await host.close()

    async def close(self) -> None:
        """End all connections. Agents continue."""
        hosts, self._hosts = list(self._hosts.values()), {}
        await asyncio.gather(*(host.close() for host in hosts))

    async def _of(self, machine: Machine, address: str, owner: str) -> SshHost:
        key = str(self._keys.path)
        login = Login(address, USER, identity_file=key, host_key=self._keys.host_key(machine.token).public)
        wanted = Host(login, self._config.proxy_jump, machine.zone.name)
        known = self._hosts.get(machine.id)
        if known is not None and known.host != wanted:  # a machine that was stopped comes back with another address
            await self.drop(machine.id)
            known = None
        if known is None:
            metadata = METADATA if machine.market is Market.SPOT else ""  # others get no notices
            known = self._hosts[machine.id] = SshHost(wanted, self._pins, self._making, owner, metadata=metadata)
        return known
