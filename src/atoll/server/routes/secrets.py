"""Secrets of a project: names for its users, values in and never out."""

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests import secrets
from atoll.model.access import Secret
from atoll.model.error_codes import ErrorCode
from atoll.server.answer import answer
from atoll.server.auth import asker, require_manager
from atoll.server.bounds import Ident, Project
from atoll.server.state import engine_of
from atoll.wire.access import SecretValue, SecretView

router = APIRouter(prefix="/api/projects/{project}/secrets")
VALUE_BYTES = 64 << 10


@router.get("", response_model=list[SecretView])
async def listing(project: Project, request: Request) -> Response:
    """The names of the secrets."""
    return answer([_view(secret) for secret in await secrets.list_secrets(engine_of(request).context, project)])


@router.put("/{name}", response_model=SecretView, dependencies=[Depends(require_manager)])
async def set_secret(project: Project, name: Ident, body: SecretValue, request: Request) -> Response:
    """Set a secret, replacing one of the same name."""
    if len(body.value.encode()) > VALUE_BYTES or "\0" in body.value:
        raise Refused(ErrorCode.INVALID_REQUEST, "a secret has at most 64 KiB, and no NUL byte", status=422)
    context = engine_of(request).context
    return answer(_view(await secrets.set_secret(context, project, name, body.value, asker(request).name)))


@router.delete("/{name}", response_model=SecretView, dependencies=[Depends(require_manager)])
async def delete(project: Project, name: Ident, request: Request) -> Response:
    """Delete a secret."""
    return answer(_view(await secrets.delete_secret(engine_of(request).context, project, name)))


def _view(secret: Secret) -> SecretView:
    return SecretView(secret.name, secret.updated_at, secret.updated_by)
