"""The variables of jobs, as the job of each rank gets them."""

from datetime import UTC, datetime

from atoll.engine.work.job_environment import job_environment
from atoll.model.offer import Market
from atoll.model.records import Instance, Job, Run
from atoll.model.resources import Gpu
from atoll.model.states import InstanceState, JobState, RunState
from atoll.testing.builders import instance_type, zone

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def variables(nodes: int, rank: int = 0, run: str = "r1", gpu: Gpu | None = None, **own: str) -> dict[str, str]:
    of = Run(run, "main", "train", "task", RunState.RUNNING, {}, NOW)
    job = Job(f"j{rank}", "main", of.id, of.name, rank, 0, JobState.STARTING, NOW)
    kind = instance_type(gpu=gpu)
    instances = [
        Instance(
            f"i{node}", "main", "f", "rack", node, InstanceState.ACTIVE, zone(), kind, Market.ON_DEMAND, 0, NOW,
            address=f"10.0.0.{node}",
        )
        for node in range(nodes)
    ]  # fmt: skip
    return job_environment(of, job, instances, instances[rank], own)


def test_torchrun_needs_no_arguments_on_several_nodes() -> None:
    first, second = (variables(2, rank, gpu=Gpu("H100", 8, 80)) for rank in (0, 1))
    for name in ("MASTER_ADDR", "PET_MASTER_ADDR", "ATOLL_MASTER_NODE_IP", "DSTACK_MASTER_NODE_IP"):
        assert first[name] == second[name] == "10.0.0.0"
    assert first["MASTER_PORT"] == second["PET_MASTER_PORT"]
    assert 20000 <= int(first["MASTER_PORT"]) < 30000
    assert [each["PET_NODE_RANK"] for each in (first, second)] == ["0", "1"]
    assert (second["PET_NNODES"], second["PET_NPROC_PER_NODE"]) == ("2", "8")


def test_two_runs_have_ports_of_their_own_and_a_machine_without_gpus_sets_no_number_of_processes() -> None:
    assert variables(2)["MASTER_PORT"] != variables(2, run="r2")["MASTER_PORT"]
    assert "PET_NPROC_PER_NODE" not in variables(2)


def test_a_single_node_has_none_of_them_and_the_users_own_stay() -> None:
    assert not [name for name in variables(1) if name.startswith(("PET_", "MASTER_"))]
    assert variables(2, MASTER_PORT="1234")["MASTER_PORT"] == "1234"
