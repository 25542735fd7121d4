"""Writes what the planner says now into the folders named, or all: `python -m tests.planning.golden zones/by-name`.

Read what changed before it is committed: a case says what is right, not what happens.
"""

import sys

from tests.planning.golden.case import cases

for case in cases():
    if not sys.argv[1:] or case.name in sys.argv[1:]:
        for name, text in case.actual().items():
            (case.folder / name).write_text(text)
