"""Streams to the ports of jobs."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.model.access import Role
from atoll.model.error_codes import ErrorCode
from atoll.server.auth import Gate, asker, forbidden
from atoll.server.bounds import Name, Project
from atoll.server.state import engine_of
from atoll.server.streams import StreamAnswer, Streams
from atoll.wire.streams import STREAM

router = APIRouter(prefix="/api/projects/{project}/runs/{name}/jobs/{rank}")
Rank = Annotated[int, Path(ge=0, lt=1_000_000_000)]
Port = Annotated[int, Path(ge=1, le=65535)]


@router.get(
    "/ports/{port}",
    response_class=Response,
    responses={101: {"description": f"`Upgrade: {STREAM}`: the bytes of a connection to the port, both ways"}},
)
async def port(project: Project, name: Name, rank: Rank, port: Port, request: Request) -> Response:
    """A stream to a port that a job listens on."""
    engine, gate, streams = engine_of(request), _gate(request), _streams(request)
    if request.headers.get("upgrade", "").lower() != STREAM:
        message = f"a port needs the headers `Connection: upgrade` and `Upgrade: {STREAM}`"
        raise Refused(ErrorCode.UPGRADE_REQUIRED, message, status=426)
    bearer = request.headers.get("authorization", "")
    if not bearer:
        raise forbidden("a page's session opens no streams")

    async def check() -> None:
        await gate.require(await gate.identify(bearer), project, Role.USER)

    return StreamAnswer(lambda: engine.open_port(project, name, rank, port), check, streams, asker(request).name)


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def _streams(request: Request) -> Streams:
    streams: Streams = request.app.state.streams
    return streams
