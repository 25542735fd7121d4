"""What a job that shares its machine sees of it, in variables that the libraries of GPUs obey."""

from __future__ import annotations

from atoll.wire.agent import Share

VISIBLE = {"nvidia": ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"), "amd": ("ROCR_VISIBLE_DEVICES",)}
"""The variables that limit a process to some GPUs, by vendor (CUDA's programming guide; ROCm's GPU isolation)."""


def share_environment(share: Share | None) -> dict[str, str]:
    """The variables of a job's share: none where it has the whole machine."""
    if share is None:
        return {}
    numbers = ",".join(str(gpu) for gpu in share.gpus)
    visible = VISIBLE.get(share.gpu_vendor, ()) if share.gpus else ()
    return {
        "ATOLL_CPUS": f"{share.cpus:g}",
        "ATOLL_MEMORY_GB": f"{share.memory_gb:g}",
        **dict.fromkeys(visible, numbers),
    }
