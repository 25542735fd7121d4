"""One computation by processes on several hosts, which find each other by the variables of their jobs alone."""

import pytest

from tests.hosts.conftest import Site

ALL_REDUCE = """
import os, socket, time
address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
nodes, rank = int(os.environ["PET_NNODES"]), int(os.environ["PET_NODE_RANK"])
assert address == (os.environ["PET_MASTER_ADDR"], int(os.environ["PET_MASTER_PORT"]))
if rank == 0:
    with socket.create_server(address) as master:
        others = [master.accept()[0] for _ in range(nodes - 1)]
        total = 1 + sum(int(one.recv(16)) for one in others)
        for one in others:
            one.sendall(str(total).encode())
else:
    deadline = time.monotonic() + 60
    while True:
        try:
            link = socket.create_connection(address, 5)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    link.sendall(str(10 ** rank).encode())
    total = int(link.recv(16))
print("sum", total, os.environ.get("PET_NPROC_PER_NODE", "no GPU"), os.environ["MINE"])
"""


@pytest.mark.long  # three hosts are prepared, and each runs a process
def test_processes_on_three_hosts_find_each_other_by_the_variables_of_torchrun(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1, 2, 3), "-y")
    # A variable of the user's own stays as it is.
    command = f"MINE=$PET_MAX_RESTARTS python3 - <<'EOF'\n{ALL_REDUCE}EOF"
    more = "nodes: 3\nplacement: spread\nenv: [PET_MAX_RESTARTS=3]\n"
    shown = site.ok("apply", "-f", site.task("train", command, more=more), "-y")
    assert [line for line in sorted(shown.splitlines()) if "sum" in line] == [
        f"train-{rank} | sum 111 no GPU 3" for rank in range(3)
    ]
