"""What a user saw before a request: the request is refused if the record is another one, or more, by then."""

from dataclasses import dataclass

from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.versions import version_of
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Fleet, Run, Volume


@dataclass(frozen=True, slots=True)
class Shown:
    """The version of the record that was displayed, and the number of a fleet's nodes; empty and None accept any."""

    version: str = ""
    nodes: int | None = None

    def check(self, record: Fleet | Volume | Run) -> None:
        """Raise Refused where the record is not the displayed one, or has more nodes."""
        message = ""
        if self.version and version_of(record) != self.version:
            message = f"{record.kind} `{record.name}` is not what was shown: it was changed, replaced or created since"
        elif isinstance(record, Fleet) and self.nodes is not None and record.nodes > self.nodes:
            message = f"fleet `{record.name}` has grown from {self.nodes} to {record.nodes} nodes"
        if message:
            raise Refused(ErrorCode.CHANGED_SINCE_SHOWN, message, help="look at it, then run the command again")


ANY = Shown()
"""Accepts the record as it is."""
