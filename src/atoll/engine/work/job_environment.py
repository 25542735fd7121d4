"""The environment of a job: Atoll's own variables, and beside each its dstack name, so that scripts run unchanged."""

import zlib
from collections.abc import Mapping, Sequence

from atoll.model.records import Instance, Job, Run

LOCAL_ADDRESS = "127.0.0.1"
"""For machines without an address of their own: they are this machine."""

_FIRST_PORT, _PORTS = 20000, 10000


def job_environment(
    run: Run, job: Job, instances: Sequence[Instance], own: Instance, configured: Mapping[str, str]
) -> dict[str, str]:
    """All variables of a job: those of `torchrun`, the user's own over them, ours over both.

    `instances` are those of all ranks, in order.
    """
    gpu = own.instance_type.gpu
    gpus = gpu.count if gpu else 0
    addresses = [instance.address or LOCAL_ADDRESS for instance in instances]
    shared = {
        "RUN_NAME": run.name,
        "RUN_ID": run.id,
        "JOB_ID": job.id,
        "NODE_RANK": str(job.rank),
        "NODES_NUM": str(len(instances)),
        "GPUS_PER_NODE": str(gpus),
        "GPUS_NUM": str(gpus * len(instances)),
        "MASTER_NODE_IP": addresses[0],
        "NODES_IPS": "\n".join(addresses),
    }
    ours = {
        "ATOLL_BACKEND": own.zone.backend,
        "ATOLL_REGION": own.zone.region,
        "ATOLL_ZONE": str(own.zone),
        "ATOLL_FLEET": own.fleet,
        "ATOLL_INSTANCE": own.name,
        "ATOLL_NODES_ZONES": "\n".join(str(instance.zone) for instance in instances),
    }
    for prefix in ("ATOLL_", "DSTACK_"):
        ours |= {prefix + name: value for name, value in shared.items()}
    return {**_of_torchrun(run, job, addresses, gpus), **configured, **ours}


def _of_torchrun(run: Run, job: Job, addresses: Sequence[str], gpus: int) -> dict[str, str]:
    """What `torchrun` needs on each of several nodes, so that it finds the others without arguments.

    It reads an argument that is not given from the variable of its name after `PET_` (PyTorch,
    torch/distributed/argparse_util.py). The port is the run's own, so that two runs with one master machine do not
    meet, and below the ports that Linux gives to connections.
    """
    if len(addresses) == 1:
        return {}
    port = str(_FIRST_PORT + zlib.crc32(run.id.encode()) % _PORTS)
    variables = {
        "MASTER_ADDR": addresses[0],
        "MASTER_PORT": port,
        "PET_MASTER_ADDR": addresses[0],
        "PET_MASTER_PORT": port,
        "PET_NNODES": str(len(addresses)),
        "PET_NODE_RANK": str(job.rank),
    }
    return variables if gpus == 0 else {**variables, "PET_NPROC_PER_NODE": str(gpus)}
