"""The packed files of runs: which ones the server lacks, and receiving them."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests import archives
from atoll.model.error_codes import ErrorCode
from atoll.server.answer import answer
from atoll.server.bounds import Project
from atoll.server.state import engine_of
from atoll.wire.api import DIGEST_PATTERN, ArchiveView, WantedArchives

router = APIRouter(prefix="/api/projects/{project}/archives")
MOST_DIGESTS = 5_000
Digest = Annotated[str, Path(pattern=DIGEST_PATTERN)]
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post("/missing", response_model=list[str])
async def missing(project: Project, body: WantedArchives, request: Request) -> Response:
    """The digests among these whose archives are not stored; the others are kept for another hour at least."""
    if len(body.digests) > MOST_DIGESTS or any(len(digest) != 64 for digest in body.digests):
        message = f"`digests` has at most {MOST_DIGESTS:,} SHA-256 digests in hexadecimal"
        raise Refused(ErrorCode.INVALID_REQUEST, message, status=422)
    return answer(await archives.find_missing(engine_of(request).context, project, body.digests))


@router.put(
    "/{digest}", response_model=ArchiveView, openapi_extra={"requestBody": {"required": True, "content": _BYTES}}
)
async def receive(project: Project, digest: Digest, request: Request) -> Response:
    """Store an archive; the body is its tar file. One that is stored already is stored once."""
    size = await archives.receive(engine_of(request).context, project, digest, request.stream())
    return answer(ArchiveView(digest, size))
