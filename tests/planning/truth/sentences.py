"""Every sentence of a plan, and whether it is true."""

from collections.abc import Iterator, Mapping

from atoll.model.zone import ZoneState
from atoll.planning.plan import Fact, Plan, RefusalCode
from atoll.planning.reasons.explain import cure_text, shortfall_reason
from atoll.planning.reasons.sentences import refusal_text
from tests.planning.truth import cures, groups, offers, places, shortfalls, types, volumes
from tests.planning.truth.said import Checker, Said
from tests.planning.worlds import Case

REASONS: Mapping[RefusalCode, Checker] = {
    RefusalCode.BACKEND: places.backend,
    RefusalCode.REGION: places.region,
    RefusalCode.ZONE: places.zone,
    RefusalCode.ZONE_EXCLUDED: places.excluded,
    RefusalCode.NO_ZONES: places.no_zones,
    RefusalCode.NOT_OPTED_IN: places.state(ZoneState.NOT_OPTED_IN),
    RefusalCode.GONE: places.state(ZoneState.GONE),
    RefusalCode.DRAINED: places.state(ZoneState.DRAINED),
    RefusalCode.CLOSED: places.state(ZoneState.CLOSED),
    RefusalCode.IMPAIRED: places.state(ZoneState.IMPAIRED),
    RefusalCode.INSTANCE_TYPE: types.instance_type,
    RefusalCode.ARCH: types.names(lambda kind: kind.arch, lambda said: [said.requirements.resources.arch or ""]),
    RefusalCode.CPU: types.quantity(lambda kind: kind.cpus, lambda said: said.requirements.resources.cpus),
    RefusalCode.MEMORY: types.quantity(lambda kind: kind.memory_gb, lambda said: said.requirements.resources.memory_gb),
    RefusalCode.DISK: types.quantity(lambda kind: kind.disk_gb, lambda said: said.requirements.resources.disk_gb),
    RefusalCode.GPU: types.any_gpu,
    RefusalCode.GPU_VENDOR: types.names(
        lambda k: k.gpu.vendor if k.gpu else None, lambda s: [types.wanted_gpu(s).vendor or ""]
    ),
    RefusalCode.GPU_NAME: types.names(lambda k: k.gpu.name if k.gpu else None, lambda s: types.wanted_gpu(s).names),
    RefusalCode.GPU_CAPABILITY: types.capability,
    RefusalCode.GPU_COUNT: types.quantity(
        lambda kind: kind.gpu.count if kind.gpu else 0, lambda said: types.wanted_gpu(said).count
    ),
    RefusalCode.GPU_MEMORY: types.gpu_memory,
    RefusalCode.MARKET: offers.market,
    RefusalCode.PRICE_UNKNOWN: offers.price_unknown,
    RefusalCode.PRICE: offers.price,
    RefusalCode.NOT_OFFERED: offers.not_offered,
    RefusalCode.UNAVAILABLE: offers.unavailable,
    RefusalCode.RECENT_FAILURE: offers.recent_failure,
    RefusalCode.QUOTA: offers.quota,
    RefusalCode.CAPACITY_USED: offers.capacity,
    RefusalCode.VOLUME_ZONE: volumes.volume_zone,
    RefusalCode.VOLUME_ATTACHED: volumes.attached,
    RefusalCode.NO_VOLUMES: volumes.no_volumes,
    RefusalCode.INSTANCE_BUSY: volumes.busy,
    RefusalCode.FLEET: volumes.no_instance,
    RefusalCode.CLUSTER: groups.cluster,
    RefusalCode.SPREAD: groups.spread,
    RefusalCode.NOT_NEEDED: groups.not_needed,
}


def untrue(case: Case, answer: Plan) -> Iterator[str]:
    """Every sentence of a plan that is not true."""
    for _, text, holds in sentences(case, answer):
        if not holds:
            yield text


def sentences(case: Case, answer: Plan) -> Iterator[tuple[str, str, bool]]:
    """Every sentence of a plan: its kind, its text, and whether it is true."""
    for document, part in zip(case.request.documents, answer.documents, strict=True):
        for refusal in part.refusals:
            said = Said(case, answer, document, part, refusal)
            text = f"{part.name}, {refusal.zone}: {refusal_text(refusal)}"
            yield refusal.code.value, text, is_true(said)
        if part.shortfall is None:
            continue
        short = part.shortfall
        text = f"{part.name}: {shortfall_reason(part.kind, short)}"
        yield (
            f"shortfall {short.code}",
            text,
            shortfalls.holds(case, answer, document, part, short) and well_said(text, short.data),
        )
        for cure in short.cures:
            text = f"{part.name}: {cure_text(cure)}"
            yield (
                f"cure {cure.requirement}",
                text,
                cures.holds(case, document, cure, text) and well_said(text, {"price": cure.price}),
            )


def is_true(said: Said) -> bool:
    """Whether one reason is true, and well said."""
    return REASONS[said.refusal.code](said) and well_said(refusal_text(said.refusal), said.refusal.data)


def well_said(text: str, data: Mapping[str, Fact]) -> bool:
    """A sentence without holes, wrong plurals and doubled blanks; `$0.00` only of what is free."""
    free = any(data.get(key) == 0 for key in ("price", "chosen", "max_price"))
    if "$0.00" in text.replace("$0.00", "$0.00 ").split() and not free:
        return False
    holes = ("None", "  ", "needs  ", " 1 nodes", " 1 zones", " 1 CPUs", "nan", "inf ")
    return not any(hole in text for hole in holes)
