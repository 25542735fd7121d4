"""Prints the log of a run's first job as it comes, until the run has ended: `python follow_logs.py RUN`."""

import sys

from atoll.client import ApiError, connect
from atoll.wire.logs import parse


def main(name: str) -> int:
    client = connect()
    offset, rest, ended = 0, b"", False
    while True:
        ended = ended or client.run(name).finished_at is not None
        chunk = client.logs(name, offset=offset, wait=0 if ended else 5)  # waits until something is printed
        offset += len(chunk.data)
        lines, rest = parse(rest + chunk.data)
        for line in lines:
            print(f"{line.time[:19]}Z {line.stream}: {line.text.decode(errors='replace')}", flush=True)
        if ended and not chunk.data:
            return client.run(name).exit_code or 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python follow_logs.py RUN")
    try:
        sys.exit(main(sys.argv[1]))
    except ApiError as error:
        sys.exit(f"error: {error.problem.message}")
