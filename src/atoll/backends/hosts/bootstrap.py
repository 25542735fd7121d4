"""From a connected host to a healthy agent: one SSH command each to look, to start and to end."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from atoll.agent.bundle import agent_bytes, agent_name
from atoll.model.resources import Gpu, InstanceType
from atoll.tunnels.link import Link
from atoll.tunnels.stream import TunnelError

OLDEST_PYTHON = "3.9"
_NO_PYTHON = 97
_PYTHONS = " ".join(["python3", *(f"python3.{minor}" for minor in range(14, 8, -1)), "/usr/bin/python3"])
_PROGRAM = "import sys; n = int(sys.stdin.buffer.readline()); exec(sys.stdin.buffer.read(n).decode())"
# Constant text: the shell on the host reads nothing that comes from a user.
_COMMAND = (
    f"sh -c 'for p in {_PYTHONS}; do "
    'command -v "$p" >/dev/null 2>&1 || continue; '
    '"$p" -c "import sys; sys.exit(sys.version_info < (3, 9))" 2>/dev/null || continue; '
    f'exec "$p" -IS -c "{_PROGRAM}"; done; '
    f"exit {_NO_PYTHON}'"
)
_ARCHS = {"x86_64": "x86", "amd64": "x86", "aarch64": "arm", "arm64": "arm"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a host is, as read from it. `owner` is the installation that it belongs to, empty: none."""

    instance_type: InstanceType
    python: str
    owner: str = ""
    owned_since: str = ""
    addresses: tuple[str, ...] = ()


async def look(link: Link, name: str) -> Facts:
    """The facts of a host. Raises TunnelError."""
    answer = await ask(link, {"action": "look"})
    owner = answer.get("owner") or {}
    size = InstanceType(
        name,
        float(answer["cpus"]),
        float(answer["memory_gb"]),
        float(answer["disk_gb"]),
        _ARCHS.get(answer["arch"], answer["arch"]),
        _gpu(answer["gpus"]),
        answer["containers"],
    )
    return Facts(size, answer["python"], owner.get("id", ""), owner.get("since", ""), tuple(answer["addresses"]))


async def start(link: Link, owner: str, token: str, metadata: str = "") -> str:
    """Run the agent of machine `token`; the path of its socket. Idempotent. Raises TunnelError.

    `metadata` is the URL of the metadata service that gives the machine notices; empty: there is none.
    """
    agent = {"agent_name": agent_name(), "agent": base64.b64encode(agent_bytes()).decode(), "metadata": metadata}
    answer = await ask(link, {"action": "start", "owner": owner, "token": token, **agent})
    name = link.host.name
    match answer.get("error"):
        case None:
            return str(answer["socket"])
        case "owner":
            raise TunnelError(belongs(name, answer["id"], answer["since"]), permanent=True)
        case "path":
            text = f"{name}: the path {answer['path']} is too long for a socket: use a user with a shorter home folder"
            raise TunnelError(text, permanent=True)
        case _:
            raise TunnelError(f"the agent on {name} does not start: {answer.get('message')}")


async def stop(link: Link, owner: str, token: str) -> None:
    """End the agent of machine `token` with its jobs, and remove what is there of us. Raises TunnelError."""
    await ask(link, {"action": "stop", "owner": owner, "token": token})


def belongs(name: str, owner: str, since: str) -> str:
    """The message for a host of another installation."""
    return (
        f"{name} belongs to another Atoll installation, {owner}, since {since}: delete its fleet there, "
        "or remove ~/.atoll on the host if that installation is gone"
    )


async def ask(link: Link, request: dict[str, str]) -> dict[str, Any]:
    """What the host's own Python answers to a request (`remote.py`). Raises TunnelError."""
    program = _remote()
    content = b"%d\n" % len(program) + program + json.dumps(request).encode()
    code, out, err = await link.run(_COMMAND, content)
    name = link.host.name
    if code == _NO_PYTHON:
        raise TunnelError(f"{name} has no Python {OLDEST_PYTHON} or newer: install `python3` there", permanent=True)
    try:
        answer = json.loads(out)
    except ValueError:
        answer = None
    if code != 0 or not isinstance(answer, dict):
        words = err.decode(errors="replace").strip().splitlines() or [f"exit code {code}"]
        raise TunnelError(f"{name} cannot be prepared: {words[-1][:300]}")
    return answer


@cache
def _remote() -> bytes:
    return Path(__file__).with_name("remote.py").read_bytes()


def _gpu(found: list[dict[str, Any]]) -> Gpu | None:
    """The GPUs as one kind: those of the first one's name."""
    if not found:
        return None
    first = found[0]
    alike = sum(each["name"] == first["name"] for each in found)
    words = [word for word in first["name"].split() if word.casefold() not in ("nvidia", "amd", "tesla", "geforce")]
    return Gpu(
        "".join(words[:2] if words[:1] == ["RTX"] else words[:1]).split("-")[0],
        alike,
        first["memory_gb"],
        first["vendor"],
    )
