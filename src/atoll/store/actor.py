"""On whose behalf the code runs: the server says so for each request, and every event recorded meanwhile tells it.

The engine's own work runs in tasks of its own, where nobody acts.
"""

from contextvars import ContextVar

acting: ContextVar[str] = ContextVar("acting", default="")
"""The user's name; empty for the engine itself."""
