"""What reading configuration files costs.

`parse` of one submission of 1,000 documents (tasks, fleets and volumes with zones, in ten files), in CPU-seconds of
this process after a first parse, three times; and `atoll validate` of one small file as a process of its own, in
CPU-seconds (user and system) of that process, five times.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from atoll.spec import SourceFile, parse
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
    """What reading costs in this process, and as a command."""
    yield Measure("parse 1,000 documents", _parse_cpu(), "CPU-s", 2.0)
    yield Measure("atoll validate, one small file", _validate_cpu(), "CPU-s", 0.25)


def _parse_cpu() -> tuple[float, ...]:
    kinds = (_FLEET, _VOLUME, _TASK, _TASK.replace("task-", "other-"))
    texts = [kinds[n % 4].format(n=n // 4) for n in range(1000)]
    files = [SourceFile(f"f{n}.yml", "---\n".join(texts[n::10])) for n in range(10)]
    taken = []
    for _ in range(4):
        start = time.process_time()
        parsed = parse(files)
        taken.append(time.process_time() - start)
        assert len(parsed.documents) == 1000, parsed.diagnostics[:3]
    return tuple(taken[1:])


def _validate_cpu() -> tuple[float, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.atoll.yml"
        path.write_text(_TASK.format(n=1).replace("  - volume-1:/data\n", "  - data:/data\n"))
        command = [sys.executable, "-c", "from atoll.cli.validate import validate; validate()", str(path)]
        return tuple(_child_cpu(command) for _ in range(5))


def _child_cpu(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
