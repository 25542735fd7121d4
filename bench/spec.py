"""What reading configuration files costs.

The installed `atoll validate` in a process of its own, 11 times, in its CPU-seconds (user and system, from `wait4`):
one folder of ten files with 1,000 documents (tasks, fleets and volumes with zones), and one small file. Beside them
`parse` of the same documents in this process, as the server does it, three times after a first.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from atoll.configuration import SourceFile, parse
from bench.cli import cpu_seconds
from bench.measure import Measure

_FLEET = """type: fleet
name: fleet-{n}
nodes: 2..8
backends: [aws]
regions: [us-east-1]
availability_zones: [us-east-1a, us-east-1b, use1-az4, "!us-east-1e"]
resources: {{cpu: 4.., memory: 16GB.., gpu: "H100:8"}}
placement: {{strategy: spread, max_skew: 1, min_zones: 2}}
spot_policy: auto
max_price: 12.5
"""
_VOLUME = """type: volume
name: volume-{n}
backend: aws
region: us-east-1
availability_zone: us-east-1a
size: 100GB
"""
_TASK = """type: task
name: task-{n}
nodes: 2
backends: [aws]
availability_zones: [us-east-1a]
env:
  - EPOCHS=3
  - RATE=0.1
resources:
  cpu: 4..
  memory: 16GB..
volumes:
  - volume-{n}:/data
commands:
  - pip install -r requirements.txt
  - python train.py
retry:
  on_events: [no-capacity, interruption]
  duration: 6h
max_duration: 3d
"""


def measures() -> Iterator[Measure]:
    """What reading costs as a command, and within a process."""
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as folder:
        environment = dict(os.environ)
        files = _files()
        for file in files:
            Path(folder, file.name).write_text(file.text)
        yield Measure("atoll validate, 1,000 documents", cpu_seconds(["validate", folder], environment), "CPU-s", 2.0)
        small = Path(folder, "small.yml")
        small.write_text(_FLEET.format(n=1))
        yield Measure(
            "atoll validate, one small file", cpu_seconds(["validate", str(small)], environment), "CPU-s", 0.25
        )
        yield Measure("parse 1,000 documents", _parse_cpu(files), "CPU-s", 2.0)


def _files() -> list[SourceFile]:
    kinds = (_FLEET, _VOLUME, _TASK, _TASK.replace("task-", "other-"))
    texts = [kinds[n % 4].format(n=n // 4) for n in range(1000)]
    return [SourceFile(f"f{n}.atoll.yml", "---\n".join(texts[n::10])) for n in range(10)]


def _parse_cpu(files: list[SourceFile]) -> tuple[float, ...]:
    taken = []
    for _ in range(4):
        start = time.process_time()
        parsed = parse(files)
        taken.append(time.process_time() - start)
        assert len(parsed.documents) == 1000, parsed.diagnostics[:3]
    return tuple(taken[1:])
