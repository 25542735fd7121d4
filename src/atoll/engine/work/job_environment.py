"""The environment of a job: Atoll's own variables, and beside each its dstack name, so that scripts run unchanged."""

from collections.abc import Mapping, Sequence

from atoll.model.blocks import gpus_of
from atoll.model.records import Instance, Job, Run

LOCAL_ADDRESS = "127.0.0.1"
"""For machines without an address of their own: they are this machine."""


def job_environment(
    run: Run, job: Job, instances: Sequence[Instance], own: Instance, configured: Mapping[str, str]
) -> dict[str, str]:
    """All variables of a job: the user's own first, ours over them. `instances` are those of all ranks, in order."""
    gpus = len(gpus_of(own.instance_type, job.blocks, own.blocks))
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
    return {**configured, **ours}
