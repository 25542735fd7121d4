"""What the routes share."""

from fastapi import Request

from atoll.engine.engine import Engine


def engine_of(request: Request) -> Engine:
    """The engine that the server runs."""
    engine: Engine = request.app.state.engine
    return engine
