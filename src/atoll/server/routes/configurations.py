"""Plan and apply."""

from fastapi import APIRouter, Request, Response

from atoll.server.answer import answer
from atoll.server.views import plan_view
from atoll.wire.api import ApplyResponse, PlanResponse, Submission

router = APIRouter(prefix="/api/projects/{project}")


@router.post("/plan", response_model=PlanResponse)
async def plan(project: str, submission: Submission, request: Request) -> Response:
    """What applying these files would do; nothing changes."""
    planned = await request.app.state.engine.plan(project, submission)
    return answer(PlanResponse(planned.changes, plan_view(planned), planned.diagnostics))


@router.post("/apply", response_model=ApplyResponse)
async def apply(project: str, submission: Submission, request: Request) -> Response:
    """Keep these files as the desired state."""
    planned = await request.app.state.engine.apply(project, submission)
    return answer(ApplyResponse(planned.changes, plan_view(planned), planned.event, planned.diagnostics))
