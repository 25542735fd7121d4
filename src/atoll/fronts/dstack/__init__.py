"""dstack's HTTP API, as its command line and SDK of version 0.22 use it. It is off unless `dstack` is configured."""

from atoll.fronts.dstack.front import DstackFront, refusal
from atoll.fronts.dstack.protocol import owns

__all__ = ["DstackFront", "owns", "refusal"]
