"""Whether a volume can appear at its path here: tried once for real, in a child process, as an agent would do it."""

import os
import subprocess
import sys
from functools import cache

_PROBE = """
import ctypes, os, sys, tempfile
libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER, BIND, REC, PRIVATE = 0x20000, 0x10000000, 0x1000, 0x4000, 0x40000
uid, gid = os.getuid(), os.getgid()
if libc.unshare(NEWUSER | NEWNS) != 0:
    sys.exit(1)
for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
if libc.mount(None, b"/", None, REC | PRIVATE, None) != 0:
    sys.exit(1)
with tempfile.TemporaryDirectory() as folder:
    source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
    os.mkdir(source), os.mkdir(target)
    done = libc.mount(source.encode(), target.encode(), None, BIND, None) == 0
    if done:
        libc.umount2(target.encode(), 2)
sys.exit(0 if done else 1)
"""


def mounts_at_path() -> bool:
    """True when user and mount namespaces work and `ATOLL_AGENT_NO_NAMESPACES` does not forbid them."""
    return os.environ.get("ATOLL_AGENT_NO_NAMESPACES") != "1" and _namespaces_work()


@cache
def _namespaces_work() -> bool:
    if sys.platform != "linux":
        return False
    try:
        command = [sys.executable, "-I", "-S", "-c", _PROBE]
        done = subprocess.run(command, capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
