"""The codes of refused requests: what `code` of the API's error answers may be. Codes are stable; messages are not.

`python -m atoll.model.error_codes` writes the page of the documentation.
"""

import sys
from collections.abc import Mapping
from enum import StrEnum

from atoll.model.failure import FailureKind


class ErrorCode(StrEnum):
    """Why a request was refused; a call to a backend that failed has the kind of the failure (`FailureKind`)."""

    BEING_DELETED = "being-deleted"
    BEING_REBALANCED = "being-rebalanced"
    BUSY = "busy"
    CHANGED_SINCE_PLAN = "changed-since-plan"
    CHANGED_SINCE_SHOWN = "changed-since-shown"
    DATABASE_UNAVAILABLE = "database-unavailable"
    DISK_FAILING = "disk-failing"
    DISK_FULL = "disk-full"
    DISK_READ_ONLY = "disk-read-only"
    DOES_NOT_FIT = "does-not-fit"
    FILES_MISSING = "files-missing"
    FIRST_PROJECT = "first-project"
    FLEET_BUSY = "fleet-busy"
    FORBIDDEN = "forbidden"
    INTERNAL_ERROR = "internal-error"
    INVALID_CONFIGURATION = "invalid-configuration"
    INVALID_NAME = "invalid-name"
    INVALID_REQUEST = "invalid-request"
    INVALID_SNAPSHOT = "invalid-snapshot"
    LAST_ADMIN = "last-admin"
    LENGTH_REQUIRED = "length-required"
    LOG_DELETED = "log-deleted"
    MADE_FOR_RUNS = "made-for-runs"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    NAME_TAKEN = "name-taken"
    NO_PLACE = "no-place"
    NO_PORT = "no-port"
    NOT_FOUND = "not-found"
    NOT_ISOLATED = "not-isolated"
    NOTHING_LISTENS = "nothing-listens"
    NOT_REBALANCED = "not-rebalanced"
    NOT_RUNNING = "not-running"
    NOT_SHOWN = "not-shown"
    NOT_SUPPORTED = "not-supported"
    PROJECT_BUSY = "project-busy"
    RACED = "raced"
    RUN_ACTIVE = "run-active"
    RUN_FINISHED = "run-finished"
    STOPPING = "stopping"
    TOO_FAR_BEHIND = "too-far-behind"
    TOO_LARGE = "too-large"
    TOO_MUCH = "too-much"
    TOO_MANY_STREAMS = "too-many-streams"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN_ANSWER = "unknown-answer"
    UPGRADE_REQUIRED = "upgrade-required"
    VERSION = "version"
    VOLUME_ATTACHED = "volume-attached"
    VOLUME_FAILED = "volume-failed"
    WRONG_CODE = "wrong-code"
    WRONG_CSRF = "wrong-csrf"
    WRONG_HOST = "wrong-host"
    WRONG_ORIGIN = "wrong-origin"
    WRONG_SECRET_KEY = "wrong-secret-key"  # noqa: S105 - a code
    ZONE_CANNOT_FAIL = "zone-cannot-fail"
    ZONE_CLOSED = "zone-closed"


MEANINGS: Mapping[ErrorCode, str] = {
    ErrorCode.BEING_DELETED: "The fleet is being deleted.",
    ErrorCode.BEING_REBALANCED: "The fleet is being rebalanced already.",
    ErrorCode.BUSY: "Too many requests wait, or the state kept changing. Retry.",
    ErrorCode.CHANGED_SINCE_PLAN: "The files change something else than the confirmed plan showed. Nothing is applied.",
    ErrorCode.CHANGED_SINCE_SHOWN: "What the request deletes or stops changed after it was shown.",
    ErrorCode.DATABASE_UNAVAILABLE: "The server's database does not answer. Retry later.",
    ErrorCode.DISK_FAILING: "The server's disk fails. Nothing is stored.",
    ErrorCode.DISK_FULL: "The server's disk is full. Nothing is stored.",
    ErrorCode.DISK_READ_ONLY: "The server's disk is read-only. Nothing is stored.",
    ErrorCode.DOES_NOT_FIT: "Nothing is applied because a document does not fit.",
    ErrorCode.FILES_MISSING: "The server lacks files that the runs need. Send them, then apply.",
    ErrorCode.FIRST_PROJECT: "The first project cannot be deleted.",
    ErrorCode.FLEET_BUSY: "Runs use the fleet.",
    ErrorCode.FORBIDDEN: "The user lacks the role for this.",
    ErrorCode.INTERNAL_ERROR: "A bug: the server's log has the details, by the request's id.",
    ErrorCode.INVALID_CONFIGURATION: "Submitted files have errors: `diagnostics` lists them.",
    ErrorCode.INVALID_NAME: "The name has a form that is not allowed.",
    ErrorCode.INVALID_REQUEST: "The request has a wrong form or value.",
    ErrorCode.INVALID_SNAPSHOT: "The saved snapshot has errors: `diagnostics` lists them.",
    ErrorCode.LAST_ADMIN: "The user is the only admin.",
    ErrorCode.LENGTH_REQUIRED: "The request does not declare its length.",
    ErrorCode.LOG_DELETED: "The log was kept for as long as configured and is deleted.",
    ErrorCode.MADE_FOR_RUNS: "The fleet belongs to a run, and ends after it.",
    ErrorCode.METHOD_NOT_ALLOWED: "The route has no such method.",
    ErrorCode.NAME_TAKEN: "The name is or was used.",
    ErrorCode.NO_PLACE: "Nothing has a place for what a dstack client submits.",
    ErrorCode.NO_PORT: "The server has no port for the web page.",
    ErrorCode.NOT_FOUND: "There is no such resource, or the user may not see it.",
    ErrorCode.NOT_ISOLATED: "Projects would not be isolated from each other on this server's machine.",
    ErrorCode.NOTHING_LISTENS: "The job listens on no such port now.",
    ErrorCode.NOT_REBALANCED: "The fleet cannot be rebalanced now.",
    ErrorCode.NOT_RUNNING: "The job does not run yet. Retry when it does.",
    ErrorCode.NOT_SHOWN: "Clients of dstack cannot show this resource.",
    ErrorCode.NOT_SUPPORTED: "Atoll does not support this request of a dstack client.",
    ErrorCode.PROJECT_BUSY: "The project still holds resources.",
    ErrorCode.RACED: "The resource was modified concurrently. Retry.",
    ErrorCode.RUN_ACTIVE: "The run has not ended.",
    ErrorCode.RUN_FINISHED: "The run has ended.",
    ErrorCode.STOPPING: "The server is stopping.",
    ErrorCode.TOO_FAR_BEHIND: "Too many events happened since the one named. Load the map again.",
    ErrorCode.TOO_LARGE: "The request is larger than the server accepts.",
    ErrorCode.TOO_MUCH: "The request takes more time or memory than one user gets.",
    ErrorCode.TOO_MANY_STREAMS: "The user, or the server, has as many open streams as are allowed.",
    ErrorCode.UNAUTHORIZED: "The token or session is missing, wrong, revoked or expired.",
    ErrorCode.UNKNOWN_ANSWER: "The client's own: what answers is no Atoll server, or one of another version.",
    ErrorCode.UPGRADE_REQUIRED: "The route carries a stream: the request has to ask for the upgrade.",
    ErrorCode.VERSION: "The dstack client has a version that the server does not speak.",
    ErrorCode.VOLUME_ATTACHED: "The volume is attached.",
    ErrorCode.VOLUME_FAILED: "The volume failed.",
    ErrorCode.WRONG_CODE: "The web page's single-use code is wrong, expired or used.",
    ErrorCode.WRONG_CSRF: "The web page is out of date.",
    ErrorCode.WRONG_HOST: "The server is not known by the host name of the request.",
    ErrorCode.WRONG_ORIGIN: "The request does not come from the server's own page.",
    ErrorCode.WRONG_SECRET_KEY: "The server's key is not the one that the database's secrets are sealed with.",
    ErrorCode.ZONE_CANNOT_FAIL: "The backend does not support simulated outages.",
    ErrorCode.ZONE_CLOSED: "The zone is closed already.",
}
"""What each code says, as a sentence."""


def page() -> str:
    """The page of the documentation, in Markdown."""
    rows = "\n".join(f"| `{code}` | {MEANINGS[code]} |" for code in sorted(ErrorCode))
    kinds = ", ".join(f"`{kind}`" for kind in sorted(FailureKind))
    return (
        "# Error codes of the API\n\n"
        "A refused request is answered with a status of 4xx or 5xx and a JSON object: `code`, `message`, `help` (or\n"
        "null) and `diagnostics`, which point into submitted files. Codes are stable; messages are for people.\n\n"
        f"| code | meaning |\n|---|---|\n{rows}\n\n"
        f"Where a call to a backend failed, the code is the kind of the failure: {kinds}.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
