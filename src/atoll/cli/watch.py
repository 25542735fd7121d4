"""Prints a list whenever something changes: in place on a terminal, one after the other in a pipe."""

import sys
import time
from collections.abc import Callable
from typing import NoReturn

from atoll.cli.follow import newest_event
from atoll.client import connect

AGES_SECONDS = 10.0
"""On a terminal the list is printed at least this often, because ages grow."""
PAUSE_SECONDS = 0.5
"""Between two prints at least, whatever happens meanwhile."""
_TOP, _CLEAR = "\x1b[H", "\x1b[2J"


def watched(show: Callable[[], object]) -> NoReturn:
    """Call `show` now and after each change, until Ctrl-C. Raises ClientError when the server goes away."""
    client = connect()
    after = newest_event(client)
    in_place = sys.stdout.isatty()
    while True:
        if in_place:
            sys.stdout.write(_CLEAR + _TOP)
        show()
        sys.stdout.flush()
        time.sleep(PAUSE_SECONDS)
        events = client.events(after=after, wait=AGES_SECONDS)
        while not events and not in_place:
            events = client.events(after=after, wait=AGES_SECONDS)
        after = max((event.seq for event in events), default=after)
        if not in_place:
            sys.stdout.write("\n")
