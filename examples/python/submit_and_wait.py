"""Submits a task and waits for its end; ends with its exit code. Needs no account: `python submit_and_wait.py`."""

import sys

from atoll.client import connect
from atoll.wire.api import SourceFile, Submission
from atoll.wire.logs import parse

TASK = """\
type: task
name: from-python
commands: ['echo "6 * 7 = $((6 * 7)) in $ATOLL_ZONE"']
"""


def main() -> int:
    client = connect()  # this machine's server, started if none runs; or the one of `atoll login`
    accepted = client.apply(Submission((SourceFile("from-python.atoll.yml", TASK),), rerun=True))
    after, run = accepted.event, client.run("from-python")
    while run.finished_at is None:
        events = client.events(after=after, wait=10)  # returns at once when something happens
        after = max((event.seq for event in events), default=after)
        run = client.run("from-python")
    for line in parse(client.logs("from-python").data)[0]:
        print(line.text.decode())
    print(f"{run.name}: {run.status} in {run.jobs[0].zone}")
    return run.exit_code or 0


if __name__ == "__main__":
    sys.exit(main())
