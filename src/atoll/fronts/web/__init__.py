"""The web page: a live map of zones. Static modules, sessions by single-use codes, and a stream of changes."""

from atoll.fronts.web.front import WebFront

__all__ = ["WebFront"]
