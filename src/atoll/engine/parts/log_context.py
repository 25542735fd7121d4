"""The context of log lines: a request, or a turn of work. Set at its start, and added to every line."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is answered; empty outside of one."""
work_id: ContextVar[str] = ContextVar("work_id", default="")
"""KIND/ID#FENCE of the lease that is worked on; empty outside of one."""
