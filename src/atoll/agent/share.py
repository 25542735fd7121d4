"""What a job that shares its machine sees of it, in variables that the libraries of GPUs obey."""

from __future__ import annotations

from atoll.wire.agent import Share

VISIBLE = {"nvidia": "CUDA_VISIBLE_DEVICES", "amd": "ROCR_VISIBLE_DEVICES"}
"""The variable that limits a process to some GPUs, by vendor (CUDA's programming guide; ROCm's GPU isolation).

Containers have all devices and obey it too: one that had some alone would number them from 0.
"""


def share_environment(share: Share | None) -> dict[str, str]:
    """The variables of a job's share: none where it has the whole machine."""
    if share is None:
        return {}
    numbers = ",".join(str(gpu) for gpu in share.gpus)
    variables = {"ATOLL_CPUS": f"{share.cpus:g}", "ATOLL_MEMORY_GB": f"{share.memory_gb:g}"}
    if share.gpus and share.gpu_vendor in VISIBLE:
        variables[VISIBLE[share.gpu_vendor]] = numbers
    return variables
