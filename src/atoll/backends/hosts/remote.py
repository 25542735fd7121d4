"""What runs on a host, by its own Python (3.9 or newer, standard library alone): look at it, start or end an agent,
mount or unmount a disk.

The server sends this file's text and one JSON object over the standard input of one SSH command, and reads one JSON
object from its output. An error that a user must remove is `{"error": CODE, …}`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HOME = Path.home() / ".atoll"
OWNER = HOME / "owner"
DISKS = Path("/var/lib/atoll/disks")
START_SECONDS = 10.0
DEVICE_SECONDS = 15.0
BUSY_SECONDS = 5.0
BLKID_NOTHING = 2
LONGEST_SOCKET = 103
TOOLS = "/usr/sbin:/usr/bin:/sbin:/bin"


def look(_request: dict[str, Any]) -> dict[str, Any]:
    """The host's size, its Python, its container engine, and to which installation it belongs (None: to none)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "python": platform.python_version(),
        "arch": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 2**30, 1),
        "disk_gb": shutil.disk_usage(Path.home()).total // 2**30,
        "gpus": gpus(),
        "containers": containers(),
        "owner": owner(),
        "addresses": output(["hostname", "-I"]).split(),
    }


def start(request: dict[str, Any]) -> dict[str, Any]:
    """Claim the host for an installation and run the agent of one machine; an existing agent keeps its jobs."""
    token = request["token"]
    HOME.mkdir(mode=0o700, exist_ok=True)
    holder = claim(request["owner"])
    if holder["id"] != request["owner"]:
        return {"error": "owner", **holder}
    path = HOME / f"{token}.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        return {"error": "path", "path": str(path)}
    for other in sorted(HOME.glob("*.sock")):
        if other != path:
            end(other.stem)
    pyz = HOME / request["agent_name"]
    if not pyz.exists():
        draft = pyz.with_suffix(f".{os.getpid()}")
        draft.write_bytes(base64.b64decode(request["agent"]))
        draft.replace(pyz)
    state = HOME / token
    state.mkdir(mode=0o700, exist_ok=True)
    version = state / "agent"
    if health(path) is not None:
        if version.exists() and version.read_text() == pyz.name:
            return {"socket": str(path)}
        stop_process(state, signal.SIGTERM)  # its jobs continue under their supervisors, and the new one takes them up
    command = [sys.executable, "-IS", str(pyz), "--state", str(state), "--instance", token, "--socket", str(path)]
    command += ["--metadata", request["metadata"]] if request["metadata"] else []
    with (state / "agent.log").open("ab") as log:
        null = subprocess.DEVNULL
        agent = subprocess.Popen(command, stdin=null, stdout=log, stderr=log, cwd=state, start_new_session=True)
    (state / "pid").write_text(str(agent.pid))
    version.write_text(pyz.name)
    deadline = time.monotonic() + START_SECONDS
    while health(path) is None:
        if agent.poll() is not None or time.monotonic() > deadline:
            words = (state / "agent.log").read_text(errors="replace").strip().splitlines()
            return {"error": "start", "message": words[-1][:300] if words else "it did not answer"}
        time.sleep(0.02)
    return {"socket": str(path)}


def stop(request: dict[str, Any]) -> dict[str, Any]:
    """End the agent of one machine with its jobs, and release the host when no other is left."""
    end(request["token"])
    if HOME.exists() and not list(HOME.glob("*.sock")) and (owner() or {}).get("id") == request["owner"]:
        shutil.rmtree(HOME, ignore_errors=True)
    return {}


def end(token: str) -> None:
    """End an agent: by request, then firmly; remove its files."""
    path, state = HOME / f"{token}.sock", HOME / token
    call(path, "POST", "/shutdown", 15)
    stop_process(state, signal.SIGKILL)
    path.unlink(missing_ok=True)
    shutil.rmtree(state, ignore_errors=True)


def mount(request: dict[str, Any]) -> dict[str, Any]:
    """Mount a disk in its folder. A file system is made on an empty disk alone, where the request allows it."""
    device, target = Path(request["link"]), DISKS / request["disk"]
    deadline = time.monotonic() + DEVICE_SECONDS
    while not device.exists():
        if time.monotonic() > deadline:
            return {"error": "device"}
        time.sleep(0.1)
    target.mkdir(mode=0o755, parents=True, exist_ok=True)
    device = device.resolve()
    if os.path.ismount(target):
        return {"path": str(target), **fill(device, target)}
    probe = run(["blkid", "-p", "-o", "export", str(device)])
    if probe.returncode == BLKID_NOTHING:
        if not request["make"]:
            return {"error": "empty"}
        made = run(["mkfs.ext4", "-q", "-m", "0", str(device)])
        if made.returncode != 0:
            return {"error": "make", "message": last_line(made.stderr)}
    elif probe.returncode != 0 or "\nUSAGE=filesystem" not in "\n" + probe.stdout:
        return {"error": "content", "message": last_line(probe.stderr or probe.stdout)}
    fill(device, target)
    done = run(["mount", "-o", "nodev", str(device), str(target)])
    if done.returncode != 0:
        return {"error": "mount", "message": last_line(done.stderr)}
    return {"path": str(target), **fill(device, target)}


def fill(device: Path, target: Path) -> dict[str, Any]:
    """Let a file system take all of a disk that has grown, mounted or not. Failing leaves it as small as it was."""
    kind = run(["blkid", "-p", "-s", "TYPE", "-o", "value", str(device)]).stdout.strip()
    mounted, commands = os.path.ismount(target), []
    if kind == "ext4" and ext4_bytes(device) < device_bytes(device) - 2**20:
        check = [] if mounted else [["e2fsck", "-fp", str(device)]]  # resize2fs requires it of one that is not mounted
        commands = [*check, ["resize2fs", str(device)]]
    elif kind == "xfs" and mounted:
        commands = [["xfs_growfs", str(target)]]
    for command in commands:
        try:
            done = run(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            return {"small": last_line(str(error))}
        if done.returncode > (1 if command[0] == "e2fsck" else 0):  # 1: it has repaired the file system
            return {"small": last_line(done.stderr)}
    return {}


def ext4_bytes(device: Path) -> int:
    """The size of an ext4 file system, as its superblock has it."""
    lines = run(["dumpe2fs", "-h", str(device)]).stdout.splitlines()
    values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return int(values.get("Block count", 2**62)) * int(values.get("Block size", 1))


def device_bytes(device: Path) -> int:
    """The size of a block device."""
    with device.open("rb") as opened:
        return opened.seek(0, os.SEEK_END)


def unmount(request: dict[str, Any]) -> dict[str, Any]:
    """Write what is pending and unmount a disk; processes that end may use it for some seconds more."""
    target = DISKS / request["disk"]
    deadline = time.monotonic() + BUSY_SECONDS
    while os.path.ismount(target):
        done = run(["umount", str(target)])
        if done.returncode != 0 and time.monotonic() > deadline:
            return {"error": "busy", "message": last_line(done.stderr)}
        if done.returncode != 0:
            time.sleep(0.2)
    with contextlib.suppress(OSError):
        target.rmdir()
    return {}


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the host; its output as text."""
    environment = {**os.environ, "PATH": TOOLS, "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, timeout=25, check=False, env=environment)


def last_line(text: str) -> str:
    """The last line that is not empty, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def stop_process(state: Path, number: signal.Signals) -> None:
    """Signal the agent whose pid is in its state folder, when that process still is this agent; wait for its end."""
    try:
        pid = int((state / "pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if os.fsencode(state) not in command:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + 5
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    except (OSError, ValueError):
        return


def claim(installation: str) -> dict[str, Any]:
    """The owner's mark: ours, unless another installation was first."""
    mark = {"id": installation, "since": time.strftime("%Y-%m-%d", time.gmtime())}
    draft = HOME / f"owner.{os.getpid()}"
    draft.write_text(json.dumps(mark))
    try:
        os.link(draft, OWNER)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return owner() or mark


def owner() -> dict[str, Any] | None:
    """To which installation the host belongs, and since when."""
    try:
        content: dict[str, Any] = json.loads(OWNER.read_text())
    except (OSError, ValueError):
        return None
    return content


def health(path: Path) -> dict[str, Any] | None:
    """What the agent at this socket answers; None without a usable answer."""
    return call(path, "GET", "/healthz", 2)


def call(path: Path, method: str, target: str, seconds: float) -> dict[str, Any] | None:
    """One HTTP call to an agent; None when it fails."""
    connection = http.client.HTTPConnection("agent")
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(seconds)
    try:
        stream.connect(str(path))
        connection.sock = stream
        connection.request(method, target, headers={"connection": "close"})
        answer = connection.getresponse()
        content = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        stream.close()
    return content if answer.status == 200 and isinstance(content, dict) else None


def containers() -> str:
    """The container engine that the agent uses, `docker` or `podman`; empty where the host has neither."""
    return next((program for program in ("docker", "podman") if shutil.which(program) is not None), "")


def gpus() -> list[dict[str, Any]]:
    """The NVIDIA or AMD GPUs, one entry each with its vendor, name and memory in GB."""
    nvidia = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    found = []
    for line in output(nvidia).splitlines():
        name, _, memory = line.rpartition(",")
        if memory.strip().isdigit():
            found.append({"vendor": "nvidia", "name": name.strip(), "memory_gb": round(int(memory) / 1024)})
    if found:
        return found
    try:
        cards = json.loads(output(["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"]) or "{}")
    except ValueError:
        return []
    for _, card in sorted(cards.items()):
        name = card.get("Card Series") or card.get("Card series") or ""
        if name:
            size = int(card.get("VRAM Total Memory (B)", 0)) // 2**30
            found.append({"vendor": "amd", "name": name, "memory_gb": size})
    return found


def output(command: list[str]) -> str:
    """What a command prints; empty when it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    actions = {"look": look, "start": start, "stop": stop, "mount": mount, "unmount": unmount}
    json.dump(actions[request["action"]](request), sys.stdout)


if __name__ == "__main__":
    main()
