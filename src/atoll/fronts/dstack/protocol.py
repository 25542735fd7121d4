"""dstack's API as its clients of version 0.22 use it: its routes, and the fields without which they fail.

Recorded from the command line and SDK of dstack 0.22.5. Another minor version is a difference of these tables.
"""

import re
from collections.abc import Mapping

VERSION = "0.22.5"
MINOR = (0, 22)
LONGEST_PAGE = 100
"""The most runs or events that its clients request at once."""

PROJECT = "/api/project/{project}"
ROUTES = {
    "/api/server/get_info": "server_info",
    "/api/users/get_my_user": "my_user",
    "/api/projects/{project}/get": "project",
    f"{PROJECT}/fleets/list": "fleets",
    f"{PROJECT}/fleets/get": "fleet",
    f"{PROJECT}/fleets/get_plan": "plan_fleet",
    f"{PROJECT}/fleets/apply": "apply_fleet",
    f"{PROJECT}/fleets/delete": "delete_fleets",
    f"{PROJECT}/fleets/delete_instances": "delete_instances",
    f"{PROJECT}/volumes/list": "volumes",
    f"{PROJECT}/volumes/get": "volume",
    f"{PROJECT}/volumes/create": "create_volume",
    f"{PROJECT}/volumes/delete": "delete_volumes",
    f"{PROJECT}/repos/init": "init_repo",
    "/api/runs/list": "runs",
    f"{PROJECT}/runs/get": "run",
    f"{PROJECT}/runs/get_plan": "plan_run",
    f"{PROJECT}/runs/apply": "apply_run",
    f"{PROJECT}/runs/stop": "stop_runs",
    f"{PROJECT}/runs/delete": "delete_runs",
    f"{PROJECT}/logs/poll": "logs",
    "/api/events/list": "events",
    f"{PROJECT}/gateways/list": "gateways",
    f"{PROJECT}/gpus/list": "gpus",
    f"{PROJECT}/secrets/list": "secrets",
    f"{PROJECT}/secrets/create_or_update": "set_secret",
    f"{PROJECT}/secrets/delete": "delete_secrets",
}
"""Routes of POST, and the names of their handlers."""
METRICS = f"{PROJECT}/metrics/job/{{run}}"
"""The only route of GET."""
_OWNED = re.compile(r"/api/(project/|server/get_info$|users/get_my_user$|runs/list$|events/list$|projects/[^/]+/get$)")

Fields = tuple[str, ...]


def _each(place: str, fields: Fields) -> Fields:
    """The fields below a place; `[]` stands for each item of a list."""
    return tuple(f"{place}.{field}" for field in fields)


_USER: Fields = ("id", "username", "global_role", "active", "permissions")
_RESOURCES: Fields = ("cpus", "memory_mib", "gpus", "spot")
_OFFER: Fields = (
    "backend",
    "instance.name",
    *_each("instance.resources", _RESOURCES),
    "region",
    "price",
    "availability",
)
_INSTANCE: Fields = ("id", "project_name", "name", "instance_num", "status", "created")
_FLEET: Fields = ("id", "name", "project_name", "spec.configuration", "spec.profile", "created_at", "status")
_FLEET += _each("instances[]", _INSTANCE)
_VOLUME: Fields = ("id", "name", "user", "project_name", "configuration.backend", "external", "created_at")
_VOLUME += ("last_processed_at", "status", "deleted")
_JOB_SPEC: Fields = ("job_num", "job_name", "commands", "env", "image_name", "requirements.resources", "app_specs")
_SUBMISSION: Fields = ("id", "submission_num", "submitted_at", "last_processed_at", "status")
_RUN: Fields = ("id", "project_name", "user", "submitted_at", "last_processed_at", "status")
_RUN += ("run_spec.configuration.type", *_each("jobs[].job_spec", _JOB_SPEC))
_RUN += _each("jobs[].job_submissions[]", _SUBMISSION)
_RUN_PLAN: Fields = ("project_name", "user", "run_spec", "action", "job_plans[].total_offers")
_RUN_PLAN += (*_each("job_plans[].job_spec", _JOB_SPEC), *_each("job_plans[].offers[]", _OFFER))
_PROJECT: Fields = ("project_id", "project_name", "backends", *_each("owner", _USER), *_each("members[].user", _USER))
_PROJECT += ("members[].project_role", "members[].permissions")
_EVENT: Fields = ("id", "message", "recorded_at", *_each("targets[]", ("type", "id", "name", "project_id")))
REQUIRED: Mapping[str, Fields] = {
    "server_info": ("server_version",),
    "my_user": (*_USER, "creds.token"),
    "project": _PROJECT,
    "fleets": _each("[]", _FLEET),
    "fleet": _FLEET,
    "plan_fleet": ("project_name", "user", "spec", "total_offers", *_each("offers[]", _OFFER)),
    "apply_fleet": _FLEET,
    "volumes": _each("[]", _VOLUME),
    "volume": _VOLUME,
    "create_volume": _VOLUME,
    "runs": _each("[]", _RUN),
    "run": _RUN,
    "plan_run": _RUN_PLAN,
    "apply_run": _RUN,
    "logs": _each("logs[]", ("timestamp", "log_source", "message")),
    "events": _each("[]", _EVENT),
    "gpus": ("gpus",),
    "secrets": _each("[]", ("id", "name")),
}
"""By handler: the fields of its answer without which a client fails. `[]` stands for each item of a list."""


def owns(path: str) -> bool:
    """Whether a path is one of this API, so that refusals on it have its shape."""
    return _OWNED.match(path) is not None


def too_new(version: str) -> bool:
    """Whether a client is of a newer minor version than this API; one that says nothing is not."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return match is not None and (int(match[1]), int(match[2])) > MINOR
