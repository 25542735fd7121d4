"""Plan and apply; planning from a snapshot."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.planned import Planned
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Kind
from atoll.server.answer import answer, answered
from atoll.server.bounds import Name, Project
from atoll.server.presence import while_connected
from atoll.server.state import engine_of
from atoll.server.views import plan_view
from atoll.wire.api import ApplyResponse, ConfigurationView, PlanResponse, PlanView, Submission

router = APIRouter(prefix="/api/projects/{project}")
Placed = Literal["fleet", "volume", "run"]
"""The kinds of records that are planned."""


@router.post("/plan", response_model=PlanResponse)
async def plan(project: Project, submission: Submission, request: Request) -> Response:
    """Plan these files; nothing changes."""
    planned = await while_connected(request, engine_of(request).plan(project, submission))
    return await answered(_planned, planned)


_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post("/plan/snapshot", response_class=Response, responses={200: {"content": _BYTES}})
async def plan_and_save(project: Project, submission: Submission, request: Request) -> Response:
    """The plan, as `plan` returns it, on the first line; then the snapshot file of its input."""
    planned, snapshot = await while_connected(request, engine_of(request).plan_and_save(project, submission))
    content = bytes((await answered(_planned, planned)).body) + b"\n" + snapshot
    return Response(content, media_type="application/octet-stream")


@router.post(
    "/replay",
    response_model=PlanResponse,
    openapi_extra={"requestBody": {"required": True, "content": _BYTES}},
)
async def replay(project: Project, request: Request) -> Response:
    """Plan from a snapshot: the body is the submission on one line, then the snapshot file."""
    line, _, snapshot = (await request.body()).partition(b"\n")
    try:
        submission = msgspec.json.decode(line, type=Submission)
    except msgspec.MsgspecError as error:
        raise Refused(ErrorCode.INVALID_REQUEST, f"the first line is no submission: {error}", status=422) from error
    work = engine_of(request).replay(project, snapshot, submission)
    return await answered(_planned, await while_connected(request, work))


@router.get("/why/{kind}/{name}", response_model=PlanView)
async def why(project: Project, kind: Placed, name: Name, request: Request) -> Response:
    """Why a fleet, volume or run is where it is, or waits: its plan as of now, as if it had no place yet."""
    planned = await while_connected(request, engine_of(request).explain_place(project, Kind(kind), name))
    return await answered(plan_view, planned)


@router.get("/configurations/{kind}/{name}", response_model=ConfigurationView)
async def configuration(project: Project, kind: Placed, name: Name, request: Request) -> Response:
    """The configuration of a fleet, volume or run, as it was applied last, without secrets."""
    return answer(await engine_of(request).configurations.get(project, Kind(kind), name))


@router.post("/apply", response_model=ApplyResponse)
async def apply(project: Project, submission: Submission, request: Request) -> Response:
    """Store these files as the desired state."""
    planned = await while_connected(request, engine_of(request).apply(project, submission))
    return await answered(_applied, planned)


def _applied(planned: Planned) -> ApplyResponse:
    return ApplyResponse(planned.changes, plan_view(planned), planned.event, planned.diagnostics)


def _planned(planned: Planned) -> PlanResponse:
    return PlanResponse(
        planned.changes, plan_view(planned), planned.diagnostics, planned.default_profile, planned.basis
    )
