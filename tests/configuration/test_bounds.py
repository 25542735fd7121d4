"""Hostile and oversized files: a diagnostic within bounds that the kernel enforces, and never a traceback.

Each file is given to the real `atoll validate` with 10 CPU-seconds and 1 GB of address space; beyond either the process
is killed, or fails, and ends with another exit code than 1.
"""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

CPU_SECONDS = 10
ADDRESS_SPACE = 1 << 30
FLEET = "type: fleet\nname: f\nnodes: 1\n"
TASK = "type: task\nname: t\ncommands: [a]\n"
MEBIBYTE = 1024 * 1024


def many(template: str, count: int, joint: str = "") -> str:
    """`template` with each number in the place of `#`, below the largest size of a file."""
    return joint.join(template.replace("#", str(number)) for number in range(count))[: MEBIBYTE - 200]


def laughs(depth: int) -> str:
    return "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, depth))


HOSTILE = {
    "aliases of aliases": (laughs(40), "too-deep"),
    "merges of merges": (
        laughs(40).replace("[x, x]", "{k: 1}").replace("[*", "{<<: [*").replace("]\n", "]}\n"),
        "too-deep",
    ),
    "an alias within its anchor": ("a: &a [*a]", "not-yaml"),
    "deep flow": ("[" * 500_000, "too-deep"),
    "deep flow mappings": ("a: " + "{a: " * 200_000, "too-deep"),
    "deep block": ("".join(" " * n + "a:\n" for n in range(1200)), "too-deep"),
    "deep block sequences": ("- " * 400_000 + "a", "too-deep"),
    "a huge integer": (FLEET + "max_price: " + "9" * 900_000, "wrong-value"),
    "a huge exponent": (FLEET + "max_price: 1.0e+999999999", "wrong-value"),
    "a huge number of nodes": ("type: fleet\nnodes: 999999999999999", "wrong-value"),
    "a huge number of nodes as text": ("type: fleet\nnodes: '999999999999..'", "wrong-value"),
    "a huge range": (TASK + "resources: {cpu: '" + "9" * 100_000 + "..'}", "wrong-value"),
    "ten megabytes": ("# " + "x" * 10_000_000, "file-too-large"),
    "a Python object": ("!!python/object/apply:os.system ['touch harmed']", "wrong-type"),
    "a Python object as a value": (FLEET + "tags: !!python/name:os.system x", "not-yaml"),
    "values without end": (TASK + f"setup: [{many('[1]', 150_000, ', ')}]", "file-too-large"),
    "thousands of unknown keys": (FLEET + many("keyz#: 1\n", 9_000), "unknown-key"),
    "thousands of unknown zones": (FLEET + f"availability_zones: [{many('us-east-1#', 19_000, ', ')}]", "wrong-value"),
    "zones in thousands of documents": (
        many(f"{FLEET.replace('name: f', 'name: f#')}availability_zones: [{', '.join('abcdefghij')}]\n", 9000, "---\n"),
        "wrong-value",
    ),
    "thousands of tags in a line": (TASK + f"setup: [{many('!x y', 19_000, ', ')}]", "not-yaml"),
    "thousands of mounts": (TASK + f"volumes: [{many('v#:/p#', 19_000, ', ')}]", "wrong-value"),
    "thousands of names alike": (many("type: task\ncommands: []\n", 40_000, "---\n"), "missing-key"),
    "a regular expression's nightmare": (TASK + "env: ['" + "a" * 900_000 + "!=']", "wrong-value"),
}  # fmt: skip


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


@pytest.mark.parametrize(("text", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_a_finding(text: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "file.atoll.yml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "atoll.cli", "validate", "file.atoll.yml"],
        cwd=tmp_path,
        preexec_fn=bounded,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-500:]
    assert f"error[{code}]: " in done.stdout
    assert done.stderr == ""
    assert len(done.stdout) < 500_000
    assert len(re.findall(r"^error", done.stdout, re.MULTILINE)) <= 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.atoll.yml"]
