"""The agents that may run on hosts, with the log-ins of their hosts, in a file: a server that restarts still ends those
on hosts that no fleet declares any more.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from atoll.private_files import write_private
from atoll.tunnels.host import Host, Login

log = logging.getLogger("atoll.backends.ssh")


@dataclass(frozen=True, slots=True)
class KeptAgent:
    """An agent's host, and since when it is to be ended (seconds since the epoch; None: it is not)."""

    host: Host
    ending_since: float | None = None


class KeptAgents:
    """The agents by the tokens of their machines. A file that cannot be read counts as empty, and is reported."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._agents = _read(path)
        self._writing = asyncio.Lock()

    def all(self) -> Mapping[str, KeptAgent]:
        """The agents."""
        return dict(self._agents)

    async def keep(self, token: str, host: Host) -> None:
        """Store that an agent may run on a host, before it is started. Raises OSError."""
        known = self._agents.get(token)
        if known is None or known.host != host:
            await self._store({**self._agents, token: KeptAgent(host, known.ending_since if known else None)})

    async def ending(self, token: str) -> None:
        """Store that an agent is to be ended. Raises OSError."""
        known = self._agents.get(token)
        if known is not None and known.ending_since is None:
            await self._store({**self._agents, token: replace(known, ending_since=time.time())})

    async def drop(self, token: str) -> None:
        """Forget an agent that has ended. Raises OSError."""
        if token in self._agents:
            await self._store({name: kept for name, kept in self._agents.items() if name != token})

    async def _store(self, agents: dict[str, KeptAgent]) -> None:
        self._agents = agents
        async with self._writing:
            content = json.dumps({token: asdict(kept) for token, kept in self._agents.items()}, indent=1)
            await asyncio.to_thread(write_private, self._path, content.encode())


def _read(path: Path) -> dict[str, KeptAgent]:
    try:
        return {token: _agent(kept) for token, kept in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s cannot be read, and agents on hosts of former fleets may not be ended: %s", path, error)
        return {}


def _agent(kept: Mapping[str, Any]) -> KeptAgent:
    host = dict(kept["host"])
    jump = None if host["jump"] is None else Login(**host["jump"])
    return KeptAgent(Host(**{**host, "login": Login(**host["login"]), "jump": jump}), kept["ending_since"])
