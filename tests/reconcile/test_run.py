"""What is decided about a run, whatever became of its jobs meanwhile."""

from datetime import UTC, datetime
from itertools import combinations_with_replacement, product

import pytest

from atoll.model.reasons import RetryEvent
from atoll.model.records import Job, Run
from atoll.model.states import RUN, JobState, RunState
from atoll.reconcile.action import Finished, Step
from atoll.reconcile.run import RetryPolicy, RunSight, decide

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RETRIES = (RetryPolicy(), RetryPolicy(tuple(RetryEvent)))


def sight(state: RunState, *jobs: JobState, stop: str = "", retry: RetryPolicy = RETRIES[0]) -> RunSight:
    run = Run("r1", "main", "run", "task", state, {}, NOW, stop=stop)
    made = [Job(f"j{rank}", "main", "r1", "run", rank, 0, job, NOW, stop=stop) for rank, job in enumerate(jobs)]
    return RunSight(run, made, NOW, retry)


@pytest.mark.parametrize("state", RunState)
def test_every_step_is_one_of_the_table_wherever_the_jobs_are(state: RunState) -> None:
    for jobs, stop, retry in product(combinations_with_replacement(JobState, 2), ("", "stop", "abort"), RETRIES):
        action = decide(sight(state, *jobs, stop=stop, retry=retry))
        if isinstance(action, Step):
            assert action.state in RUN.steps[state], (jobs, stop, action)


def test_a_run_whose_jobs_were_done_before_anybody_looked_is_done_in_two_steps() -> None:
    assert decide(sight(RunState.SUBMITTED, JobState.DONE)) == Step(RunState.PROVISIONING)
    action = decide(sight(RunState.PROVISIONING, JobState.DONE))
    assert isinstance(action, Step)
    assert action.state == RunState.DONE


def test_a_finished_run_needs_no_action() -> None:
    for state in RUN.final:
        assert decide(sight(RunState(state), JobState.DONE)) == Finished()
