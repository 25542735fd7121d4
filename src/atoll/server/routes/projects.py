"""Projects and their members."""

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.requests import accounts as access
from atoll.model.access import Role
from atoll.server.answer import answer
from atoll.server.auth import asker, require_admin, require_manager, require_user
from atoll.server.bounds import Name, Project
from atoll.server.state import engine_of
from atoll.wire.access import MemberRole, MemberView, NewProject, ProjectView

router = APIRouter(prefix="/api/projects")


@router.get("", response_model=list[ProjectView])
async def projects(request: Request) -> Response:
    """The user's projects; for admins all."""
    user = asker(request)
    found = await engine_of(request).accounts.projects()
    return answer(
        [
            ProjectView(one.name, user.roles.get(one.name, "admin"), one.created_at)
            for one in found
            if user.admin or one.name in user.roles
        ]
    )


@router.post("", response_model=ProjectView, status_code=201, dependencies=[Depends(require_admin)])
async def create(body: NewProject, request: Request) -> Response:
    """Create a project."""
    made = await access.create_project(engine_of(request).context, body.name)
    request.app.state.gate.forget()
    return answer(ProjectView(made.name, "admin", made.created_at), 201)


@router.delete("/{project}", response_model=ProjectView, dependencies=[Depends(require_admin)])
async def delete(project: Project, request: Request) -> Response:
    """Delete an empty project with its memberships and secrets."""
    await access.delete_project(engine_of(request).context, project)
    request.app.state.gate.forget()
    return answer(ProjectView(project, "admin"))


@router.get("/{project}/members", response_model=list[MemberView], dependencies=[Depends(require_user)])
async def members(project: Project, request: Request) -> Response:
    """The members of a project."""
    found = await engine_of(request).accounts.members(project)
    return answer([MemberView(user, role) for user, role in found.items()])


@router.put("/{project}/members/{user}", response_model=MemberView, dependencies=[Depends(require_manager)])
async def set_member(project: Project, user: Name, body: MemberRole, request: Request) -> Response:
    """Add a user, or change the role."""
    await access.set_member(engine_of(request).context, project, user, Role(body.role))
    request.app.state.gate.forget()
    return answer(MemberView(user, body.role))


@router.delete("/{project}/members/{user}", response_model=MemberView, dependencies=[Depends(require_manager)])
async def remove_member(project: Project, user: Name, request: Request) -> Response:
    """Remove a user."""
    role = await access.remove_member(engine_of(request).context, project, user)
    request.app.state.gate.forget()
    return answer(MemberView(user, role))
