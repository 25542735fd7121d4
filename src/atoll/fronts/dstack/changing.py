"""The handlers that plan and change: the client's documents are submitted as files, like those of `atoll apply`."""

from collections.abc import Mapping
from typing import Any

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests import secrets
from atoll.engine.requests.planned import Planned
from atoll.fronts.dstack import reading, shapes
from atoll.fronts.dstack.call import Call
from atoll.fronts.dstack.documents import cleaned, fleet_submission, run_submission, volume_submission
from atoll.fronts.dstack.reading import Handler
from atoll.model.error_codes import ErrorCode
from atoll.model.states import RUN
from atoll.planning.plan import DocumentPlan
from atoll.planning.reasons import explain
from atoll.wire.api import ChangeAction, OfferQuery

OFFERS = 50
"""Offers in an answer, unless the client requests another number."""
MOST_OFFERS = 1000
SECRET_BYTES = 64 << 10
NOT_FOUND = 404
_LISTS = ("backends", "regions", "availability_zones", "instance_types")
_SEARCH = [":"]
"""The commands of the run that `dstack offer` plans and never applies."""


async def plan_fleet(call: Call) -> Any:
    """What applying a fleet would do."""
    spec = call.part("spec")
    planned = await call.engine.plan(call.project, fleet_submission(spec, call.names))
    document = planned.plan.documents[0]
    _refuse_shortfall(planned, document)
    current = await _current_fleet(call, document.name)
    offers = _offers(call, document)
    return {
        "project_name": call.project,
        "user": call.user.name,
        "spec": spec,
        "effective_spec": spec,
        "current_resource": current,
        "offers": offers,
        "total_offers": len(offers),
        "max_offer_price": max((offer["price"] for offer in offers), default=None),
        "action": _action(planned),
    }


async def apply_fleet(call: Call) -> Any:
    """Create or change a fleet."""
    plan = call.part("plan")
    submission = fleet_submission(_spec(plan, "spec"), call.names)
    name = _name(plan, "spec")
    if name is not None:
        _check_current(call, plan, await _current_fleet(call, name))
    planned = await call.engine.apply(call.project, submission)
    found = await call.engine.fleets.declared(call.project, planned.changes[0].name)
    return shapes.fleet(found, call.project, call.names)


async def delete_fleets(call: Call) -> Any:
    """Delete fleets with their machines; nothing where one does not exist."""
    names = call.texts("names")
    for name in names:
        await call.engine.fleets.get(call.project, name)
    for name in names:
        await call.engine.delete_fleet(call.project, name)


async def delete_instances(call: Call) -> Any:
    """Refuses: which node of a fleet goes is the planner's to choose."""
    message = "single instances of a fleet cannot be deleted: lower `nodes`, and the plan says which go"
    raise Refused(ErrorCode.NOT_SUPPORTED, message)


async def create_volume(call: Call) -> Any:
    """Create a volume."""
    planned = await call.engine.apply(call.project, volume_submission(call.part("configuration"), call.names))
    return await reading.volume_of(call, planned.changes[0].name)


async def delete_volumes(call: Call) -> Any:
    """Delete volumes with their data; nothing where one does not exist."""
    names = call.texts("names")
    for name in names:
        await call.engine.volumes.get(call.project, name)
    for name in names:
        await call.engine.delete_volume(call.project, name)


async def plan_run(call: Call) -> Any:
    """What applying a run would do; for `dstack offer`, the offers that fit."""
    spec = call.part("run_spec")
    given = cleaned(spec.get("configuration")) or {}
    if given.get("commands") == _SEARCH and not _run_name(spec):
        return await _search(call, spec, given)
    name = _run_name(spec) or _free_name(call, given)
    planned = await call.engine.plan(call.project, run_submission(spec, call.names, name))
    document = next(one for one in planned.plan.documents if one.name == name)
    _refuse_shortfall(planned, document)
    current = await _current_run(call, name)
    offers = _offers(call, document)
    jobs = [
        {"job_spec": shapes.job_spec(name, rank, given), "offers": offers, "total_offers": len(offers)}
        | {"max_price": max((offer["price"] for offer in offers), default=None)}
        for rank in range(max(1, len(document.placements)))
    ]
    effective = {**spec, "run_name": name}
    return {
        "project_name": call.project,
        "user": call.user.name,
        "run_spec": spec,
        "effective_run_spec": effective,
        "job_plans": jobs,
        "current_resource": current,
        "action": "create" if current is None else _action(planned),
    }


async def apply_run(call: Call) -> Any:
    """Submit a run, or change one that goes on."""
    plan = call.part("plan")
    spec = _spec(plan, "run_spec")
    name = _run_name(spec) or _free_name(call, cleaned(spec.get("configuration")) or {})
    _check_current(call, plan, await _current_run(call, name))
    await call.engine.apply(call.project, run_submission(spec, call.names, name))
    return shapes.run(await call.engine.runs.declared(call.project, name), call.project, call.names)


async def stop_runs(call: Call) -> Any:
    """Stop runs; nothing where one does not exist."""
    names = call.texts("runs_names")
    for name in names:
        await call.engine.runs.get(call.project, name)
    for name in names:
        await call.engine.stop_run(call.project, name, bool(call.body.get("abort")))


async def delete_runs(call: Call) -> Any:
    """Remove finished runs from the lists."""
    for name in call.texts("runs_names"):
        await call.engine.delete_run(call.project, name)


async def set_secret(call: Call) -> Any:
    """Set a secret."""
    name, value = call.text("name"), call.body.get("value")
    if not isinstance(value, str) or len(value.encode()) > SECRET_BYTES or "\0" in value:
        raise Refused(ErrorCode.INVALID_REQUEST, "a secret is a text of at most 64 KiB without NUL bytes", status=422)
    await secrets.set_secret(call.engine.context, call.project, name, value, call.user.name)
    return next(secret for secret in await reading.list_secrets(call) if secret["name"] == name)


async def delete_secrets(call: Call) -> Any:
    """Delete secrets."""
    for name in call.texts("secrets_names"):
        await secrets.delete_secret(call.engine.context, call.project, name)


async def _search(call: Call, spec: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """The offers that `dstack offer` shows: the unavailable ones with the others."""
    search = await call.engine.offers(call.project, _query(call, {**(cleaned(spec.get("profile")) or {}), **given}))
    limit = call.number("max_offers", OFFERS, MOST_OFFERS)
    offers = [shapes.found_offer(found, call.names) for found in search.cheapest(limit)]
    job = {"job_spec": shapes.job_spec("offer", 0, given), "offers": offers, "total_offers": len(offers)}
    return {
        "project_name": call.project,
        "user": call.user.name,
        "run_spec": spec,
        "effective_run_spec": spec,
        "job_plans": [job | {"max_price": max((offer["price"] for offer in offers), default=None)}],
        "current_resource": None,
        "action": "create",
    }


def _query(call: Call, given: Mapping[str, Any]) -> OfferQuery:
    """A document's requirements as a query, in the texts of configuration files."""
    wanted: Mapping[str, Any] = given.get("resources") or {}
    texts = {key: shapes.range_text(wanted[key]) for key in ("cpu", "memory", "gpu") if key in wanted}
    names = {key: tuple(map(str, call.names.own(given[key]))) for key in _LISTS if isinstance(given.get(key), list)}
    price = given.get("max_price")
    return OfferQuery(
        cpu=texts.get("cpu"),
        memory=texts.get("memory"),
        gpu=texts.get("gpu"),
        backend=names.get("backends", ()),
        region=names.get("regions", ()),
        zone=names.get("availability_zones", ()),
        instance_type=names.get("instance_types", ()),
        spot=given.get("spot_policy") if given.get("spot_policy") in ("spot", "on-demand") else None,
        max_price=float(price) if isinstance(price, int | float) else None,
    )


def _spec(plan: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    spec = plan.get(key)
    if isinstance(spec, Mapping):
        return spec
    raise Refused(ErrorCode.INVALID_REQUEST, f"the plan has no `{key}`", status=422)


def _name(plan: Mapping[str, Any], key: str) -> str | None:
    configuration = _spec(plan, key).get("configuration")
    name = configuration.get("name") if isinstance(configuration, Mapping) else None
    return name if isinstance(name, str) else None


def _run_name(spec: Mapping[str, Any]) -> str | None:
    configuration = spec.get("configuration")
    own = configuration.get("name") if isinstance(configuration, Mapping) else None
    name = spec.get("run_name") or own
    return name if isinstance(name, str) and name else None


def _free_name(call: Call, given: Mapping[str, Any]) -> str:
    """A name for a run that has none."""
    return f"{given.get('type', 'task')}-{call.engine.context.new_id()[:6]}"


async def _current_fleet(call: Call, name: str) -> Any:
    """The fleet of a name; None where there is none."""
    try:
        found = await call.engine.fleets.declared(call.project, name)
    except Refused as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return shapes.fleet(found, call.project, call.names)


async def _current_run(call: Call, name: str) -> Any:
    """The unfinished run of a name: a finished one does not keep its name from another."""
    try:
        found = await call.engine.runs.declared(call.project, name)
    except Refused as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return None if found.view.status in RUN.final else shapes.run(found, call.project, call.names)


def _check_current(call: Call, plan: Mapping[str, Any], current: Any) -> None:
    """Raises Refused where another record has the name than the plan showed, unless the client forces it."""
    shown = plan.get("current_resource")
    shown_id = shown.get("id") if isinstance(shown, Mapping) else None
    current_id = None if current is None else current["id"]
    if shown_id != current_id and not call.body.get("force"):
        raise Refused(ErrorCode.CHANGED_SINCE_PLAN, "the resource has changed since the plan: plan again")


def _action(planned: Planned) -> str:
    """dstack's word for what a change does: `update` where the record stays."""
    action = planned.changes[0].action
    return "update" if action in (ChangeAction.UPDATE, ChangeAction.UNCHANGED, ChangeAction.RETRY) else "create"


def _refuse_shortfall(planned: Planned, document: DocumentPlan) -> None:
    """Raises Refused where a document cannot be placed and does not wait: dstack's plans have no reasons."""
    short = document.shortfall
    if short is None or planned.waits(document):
        return
    lines = [explain.shortfall_reason(document.kind, short), *map(explain.cure_text, short.cures)]
    raise Refused(ErrorCode.NO_PLACE, "\n".join(lines))


def _offers(call: Call, document: DocumentPlan) -> list[Any]:
    limit = call.number("max_offers", OFFERS, MOST_OFFERS)
    return [shapes.offer(placement, call.names) for placement in document.placements[:limit]]


CHANGING: Mapping[str, Handler] = {
    "plan_fleet": plan_fleet,
    "apply_fleet": apply_fleet,
    "delete_fleets": delete_fleets,
    "delete_instances": delete_instances,
    "create_volume": create_volume,
    "delete_volumes": delete_volumes,
    "plan_run": plan_run,
    "apply_run": apply_run,
    "stop_runs": stop_runs,
    "delete_runs": delete_runs,
    "set_secret": set_secret,
    "delete_secrets": delete_secrets,
}
