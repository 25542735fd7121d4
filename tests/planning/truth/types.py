"""Is it true what is said of the instance types of a zone, or of its instances?"""

from collections.abc import Callable, Sequence

from atoll.model.resources import GpuRequirement, InstanceType, Range
from atoll.planning.reasons.sentences import refusal_text
from tests.planning import rules
from tests.planning.truth.said import Checker, Said


def instance_type(said: Said) -> bool:
    wanted = set(said.requirements.instance_types or ())
    return bool(wanted) and not any(kind.name in wanted for kind in said.types)


def quantity(value: Callable[[InstanceType], float], wanted: Callable[[Said], Range | None]) -> Checker:
    """The largest has so much, the smallest has so much, none has it, or none has it with the rest."""

    def holds(said: Said) -> bool:
        values, range_ = [value(kind) for kind in said.types], wanted(said)
        data, text = said.refusal.data, refusal_text(said.refusal)
        if range_ is None or any(rules.type_allowed(kind, said.requirements) for kind in said.types):
            return False
        if data["joint"]:
            return True
        if any(v in range_ for v in values):
            return False
        if "largest" in text:
            return bool(values) and max(values) == data["most"]
        if "smallest" in text:
            return bool(values) and min(values) == data["least"]
        return "has" in text

    return holds


def wanted_gpu(said: Said) -> GpuRequirement:
    return said.requirements.resources.gpu or GpuRequirement()


def gpu_memory(said: Said) -> bool:
    gpu = wanted_gpu(said)
    if said.refusal.data.get("total"):
        return quantity(
            lambda kind: kind.gpu.memory_gb * kind.gpu.count if kind.gpu else -1, lambda _: gpu.total_memory_gb
        )(said)
    with_gpus = [kind for kind in said.types if kind.gpu]
    if any(rules.type_allowed(kind, said.requirements) for kind in said.types) or gpu.memory_gb is None:
        return False
    if said.refusal.data["joint"]:
        return True
    sizes = [kind.gpu.memory_gb for kind in with_gpus if kind.gpu]
    key, best = ("most", max(sizes)) if "largest" in refusal_text(said.refusal) else ("least", min(sizes))
    return not any(size in gpu.memory_gb for size in sizes) and said.refusal.data[key] == best


def names(has: Callable[[InstanceType], str | None], wanted: Callable[[Said], Sequence[str]]) -> Checker:
    """The types here have these, and none of those that are wanted."""

    def holds(said: Said) -> bool:
        if any(rules.type_allowed(kind, said.requirements) for kind in said.types):
            return False
        there = {name for kind in said.types if (name := has(kind)) is not None}
        if said.refusal.data["joint"]:
            return True
        told = said.refusal.data["has"]
        return isinstance(told, tuple) and set(told) == there and not there & set(wanted(said))

    return holds


def any_gpu(said: Said) -> bool:
    if any(rules.type_allowed(kind, said.requirements) for kind in said.types):
        return False
    return bool(said.refusal.data["joint"]) or not any(kind.gpu for kind in said.types)


def capability(said: Said) -> bool:
    here = [kind.gpu.compute_capability for kind in said.types if kind.gpu and kind.gpu.compute_capability]
    wanted = wanted_gpu(said).compute_capability
    return wanted is not None and (bool(said.refusal.data["joint"]) or all(ability < wanted for ability in here))
