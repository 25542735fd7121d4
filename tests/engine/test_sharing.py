"""One machine, one job at a time; one volume, one machine at a time."""

from dataclasses import replace

from atoll.backends.fake import JobScript
from tests.engine.scene import SCRIPT, Scene, play

FLEET = "type: fleet\nname: f\nnodes: 1\navailability_zones: [fake-1a]\nresources: {cpu: 2}\n"
TASK = "type: task\nname: {name}\ncommands: [work]\nenv: {{FAKE_SECONDS: '{seconds}'}}\navailability_zones: [{zone}]\n"


def test_a_job_that_takes_a_replaced_runs_machine_waits_for_the_machine() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET + "---\n" + TASK.format(name="old", seconds=3600, zone="fake-1a"))
        await scene.until(lambda: scene.states("jobs") == ["running"])
        moved = TASK.format(name="old", seconds=3600, zone="fake-1b")
        await scene.apply(TASK.format(name="new", seconds=1, zone="fake-1a") + "---\n" + moved)
        await scene.until(lambda: scene.rows("SELECT state FROM runs WHERE name = 'new'") == [("done",)])

    ledger = play(story, replace(SCRIPT, jobs=JobScript(stop_seconds=30)))
    old, new = [job for job in ledger.jobs.values() if job.machine == "i-000001"]
    assert old.stop_ends_at is not None
    assert new.started_at >= old.stop_ends_at
