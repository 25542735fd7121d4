"""The Python examples of the documentation, as users run them, and the methods that it names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from atoll.client import Client
from tests.e2e.conftest import Done, Place

ROOT = Path(__file__).parents[2]


def example(place: Place, name: str, *arguments: str) -> Done:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "python" / name), *arguments],
        cwd=place.folder, env=place.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.long  # four processes of Python, one after the other
def test_the_examples_run_as_they_are(shared: Place) -> None:
    shown = example(shared, "submit_and_wait.py")
    assert shown.returncode == 0, shown.stderr
    assert re.fullmatch(r"6 \* 7 = 42 in local-(a|b|c)\nfrom-python: done in local-\1\n", shown.stdout)
    followed = example(shared, "follow_logs.py", "from-python")
    assert re.fullmatch(r"20\S+Z stdout: 6 \* 7 = 42 in local-[abc]\n", followed.stdout), followed.stderr
    assert example(shared, "follow_logs.py", "none").stderr.startswith("error: there is no run `none`")
    plans = example(shared, "compare_plans.py")
    assert plans.returncode == 0, plans.stderr
    assert "nodes: 3  zones: {'local-a': 1, 'local-b': 1, 'local-c': 1}" in plans.stdout
    assert "compared" not in shared.ok("fleet", "-o", "name")


def test_the_page_names_methods_that_exist() -> None:
    text = (ROOT / "docs" / "python.md").read_text().split("| nouns |")[1].split("Each method's")[0]
    named = {name for line in text.splitlines()[2:] for name in re.findall(r"`(\w+)(?:\(.*?\))?`", line)}
    assert named - {"Submission", "SourceFile"} <= set(dir(Client))
    assert len(named) > 35
