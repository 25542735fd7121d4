"""The typed HTTP client of the server: the Python SDK.

`Client` has one method for each route; `connect()` finds the server of this machine and starts one where none runs.
"""

from atoll.client.autostart import connect
from atoll.client.client import Client, LogChunk
from atoll.client.errors import ApiError, ClientError, NoServer, ServerGone

__all__ = ["ApiError", "Client", "ClientError", "LogChunk", "NoServer", "ServerGone", "connect"]
