"""The current actor's user name, set for each request and recorded on its events.

The engine's own work runs in separate tasks, which have no actor.
"""

from contextvars import ContextVar

acting: ContextVar[str] = ContextVar("acting", default="")
"""The user's name; empty for the engine itself."""
