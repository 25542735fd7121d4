"""A GameDay on a real server: zones of the local backend fail for real."""

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Place, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "gameday" / "lose-a-zone.yml"
FLEET = "type: fleet\nname: web\nnodes: 3\nplacement: spread\nresources: {cpu: 2, memory: 4GB..}\n"


@pytest.mark.long  # a real outage, and what follows: half a minute
def test_a_zone_fails_for_real_and_what_follows_is_held_against_what_was_expected(own: Place) -> None:
    own.ok("apply", "-f", own.write("web", FLEET), "-y")
    shown = own.ok("gameday", "run", str(EXAMPLE), "-y")
    assert re.search(r"as before.*restore local-b\n lose-a-zone: as expected", shown, re.DOTALL)
    strict = own.write("strict", "steps: [{fail: local-a}, {heal: 30s}]\nexpect: {lowest: {web: 3}}\n")
    done = own("gameday", "run", strict, "-y")
    assert done.returncode == 1
    assert re.search(r"not as expected: fleet web had [12] active nodes?, 3 are the least", done.stdout)
    assert "zone local-a is restored" in done.stdout
    until(lambda: own.ok("zone").count("available") == 3, "all zones to be back")


def test_a_gameday_that_cannot_be_done_does_nothing(shared: Place) -> None:
    first = shared.write("first", "steps: [{restore: local-a}, {fail: local-a}]\n")
    assert "no step before fails this zone" in shared.refused("gameday", "run", first, "-y")
    nowhere = shared.write("nowhere", "steps: [{fail: local-x}]\n")
    assert "there is no zone `local-x`" in shared.refused("gameday", "run", nowhere, "-y")
    fleet = shared.write("fleet", "steps: [{fail: local-a}]\nexpect: {lowest: {none: 1}}\n")
    assert "there is no fleet `none`" in shared.refused("gameday", "run", fleet, "-y")
    assert shared.ok("zone").count("available") == 3
