"""A zone that fails: noticed without anybody telling, its jobs failed or taken elsewhere, and restored."""

import json
import re

from tests.e2e.conftest import Place, until

TASK = "type: task\nname: {name}\ncommands: {commands}\n"


def file(place: Place, name: str, *commands: str, more: str = "") -> str:
    """A task's file."""
    return place.write(name, TASK.format(name=name, commands=json.dumps(commands)) + more)


def test_a_job_of_a_failed_zone_fails_and_the_zone_is_named(shared: Place) -> None:
    path = file(shared, "lost", "echo begun", "sleep 1000", more="availability_zones: [local-b]\n")
    with shared.begin("apply", "-f", path, "-y") as following:
        assert following.stdout is not None
        assert any(line == "begun\n" for line in following.stdout)
        shown = shared.ok("zone", "fail", "local-b")
        assert "`atoll zone restore local-b` brings it back" in shown
        words = following.stdout.read()
    assert following.returncode == 1
    assert re.search(r"error: run lost failed.*local-b", words)
    assert re.search(r"local-b +local +impaired", shared.ok("zone"))
    assert "local-b" in shared.ok("event", "--name", "lost-0")
    assert not [words for words in shared.agents().values() if "sleep 1000" in words]
    shared.ok("zone", "restore", "local-b")
    assert re.search(r"local-b +local +available", shared.ok("zone"))
    again = file(shared, "again", "echo here", more="availability_zones: [local-b]\n")
    assert shared.ok("apply", "-f", again, "-y").endswith("\nhere\n")


def test_a_failed_zone_is_not_planned_and_the_plan_says_why(shared: Place) -> None:
    shared.ok("zone", "fail", "local-c")
    try:
        path = file(shared, "elsewhere", "true")
        planned = shared.ok("plan", "-f", path)
        assert re.search(r"not used(.|\n)*local-c", planned)
        words = shared.refused(
            "apply", "-f", file(shared, "only", "true", more="availability_zones: [local-c]\n"), "-y"
        )
        assert "error: run `only` does not fit" in words
        assert "local-c" in words
    finally:
        shared.ok("zone", "restore", "local-c")


def test_with_retry_a_job_of_a_failed_zone_is_done_in_another(shared: Place) -> None:
    commands = ('echo "attempt in $ATOLL_ZONE"', f"while [ ! -e {shared.folder}/go ]; do sleep 0.05; done", "echo over")
    path = file(shared, "stubborn", *commands, more="retry: {on_events: [interruption], duration: 1h}\n")
    shared.ok("apply", "-f", path, "-y", "-d")
    until(lambda: "attempt in" in shared.ok("logs", "stubborn"), "the first attempt")
    [first] = shared.client().run("stubborn").jobs
    assert first.zone is not None
    shared.ok("zone", "fail", first.zone.name)
    (shared.folder / "go").touch()
    try:
        assert "over\n" in shared.ok("logs", "stubborn", "-f")
        until(lambda: shared.client().run("stubborn").finished_at, "the run to be over")
        run = shared.client().run("stubborn")
        assert (run.status, run.exit_code) == ("done", 0)
        assert run.jobs[0].submission == 1
        assert run.jobs[0].zone not in (None, first.zone)
    finally:
        shared.ok("zone", "restore", first.zone.name)


def test_a_volume_and_its_data_outlive_the_failure_of_their_zone(shared: Place) -> None:
    volume = "type: volume\nname: kept\nbackend: local\nregion: local\navailability_zone: local-b\nsize: 1GB\n---\n"
    task = TASK + 'volumes: ["kept:/kept"]\n'
    shared.write("keep", volume + task.format(name="keep", commands='["echo data > $ATOLL_VOLUME_KEPT/file"]'))
    shared.ok("apply", "-f", "keep.atoll.yml", "-y")
    shared.ok("zone", "fail", "local-b")
    shared.ok("zone", "restore", "local-b")
    shared.write("read", task.format(name="reading", commands='["cat $ATOLL_VOLUME_KEPT/file"]'))
    assert shared.ok("apply", "-f", "read.atoll.yml", "-y").endswith("\ndata\n")


def test_a_zone_that_cannot_be_is_named_with_the_nearest(shared: Place) -> None:
    words = shared.refused("zone", "fail", "local-bb")
    assert "there is no zone `local-bb`" in words
    assert "did you mean `local-b`?" in words
