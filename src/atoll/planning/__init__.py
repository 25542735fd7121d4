"""Where everything goes: a request and a snapshot of the world in, a plan with a reason for every refusal out. Pure."""

from atoll.planning.planner import Planner, plan

__all__ = ["Planner", "plan"]
