"""A client that reads the lists while a server works: the time of each answer."""

import statistics
import threading
import time
from urllib.parse import urlencode

from atoll.client import transport
from atoll.client.location import Location
from atoll.wire.api import NEXT

PATHS = {"fleets": "/api/projects/main/fleets", "instances": "/api/projects/main/instances"}
PAUSE = 0.25
"""Between two questions: four a second show what a user meets, and are no load test."""
TIMEOUT = 30.0


class Asker:
    """Reads the lists in turn, page by page as the client does, within the block.

    `answers` are the milliseconds of each answer by list, `lists` those of whole lists (the sum of their pages). The
    bodies are read and not decoded: what the client makes of them is no cost of the server.
    """

    def __init__(self, place: Location) -> None:
        self.answers: dict[str, list[float]] = {name: [] for name in PATHS}
        self.lists: dict[str, list[float]] = {name: [] for name in PATHS}
        self._place = place
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._error is not None and kind is None:
            raise RuntimeError("a list could not be read") from self._error

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                for name, path in PATHS.items():
                    self._list(name, path)
        except (transport.Unreachable, RuntimeError) as error:
            self._error = error

    def _list(self, name: str, path: str) -> None:
        whole, after = 0.0, ""
        while not self._ended.wait(PAUSE):
            began = time.monotonic()
            response = self._ask(f"{path}?{urlencode({'after': after})}" if after else path)
            taken = (time.monotonic() - began) * 1000
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.status} {response.body[:200]!r}")
            self.answers[name].append(taken)
            whole += taken
            after = response.headers.get(NEXT.lower(), "")
            if not after:
                self.lists[name].append(whole)
                return

    def _ask(self, path: str) -> transport.Response:
        headers = {"Authorization": f"Bearer {self._place.token}", "Accept": "application/json"}
        return transport.send(self._place.address, transport.Request("GET", path, headers, None, TIMEOUT))


def percentile(values: list[float], share: float) -> float:
    """The value that this share of the values does not pass; the largest where there are few."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]
