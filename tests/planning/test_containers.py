"""Runs with an image: on machines with a container engine, or on such of which nothing is known."""

from dataclasses import replace

from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.zone import BackendInfo, Zone, ZoneKind
from atoll.planning.plan import RefusalCode
from atoll.planning.planner import plan
from atoll.planning.reasons.explain import shortfall_reason
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.request import NodeRequest, Requirements, RunRequest
from atoll.planning.snapshot import ExistingInstance, Snapshot
from tests.planning.scenes import ANYTHING, A, B, offer, request, world

RACKS = [Zone("ssh", "ssh", f"rack-{letter}", kind=ZoneKind.SITE) for letter in "ab"]
IMAGE = Requirements(ANYTHING, containers=True)
RUN = RunRequest("train", requirements=IMAGE, fleets=("rack",), may_create=False)


def racks(*engines: str | None) -> Snapshot:
    """A rack's hosts h-0, h-1, … with these engines, in two zones by turns; all are idle instances."""
    hosts = [InstanceType(f"h-{number}", 4, 16, containers=engine) for number, engine in enumerate(engines)]
    return world(
        *(offer(RACKS[number % 2], 0, host, count=1) for number, host in enumerate(hosts)),
        instances=[
            ExistingInstance(f"i-{number}", RACKS[number % 2], host, Market.ON_DEMAND, 0, "rack", number)
            for number, host in enumerate(hosts)
        ],
        backends=(BackendInfo("ssh", owned=True),),
    )


def test_a_run_with_an_image_goes_to_the_host_that_has_an_engine() -> None:
    for engine in ("docker", "podman", None):
        [run] = plan(request(RUN), racks("", engine, "")).documents
        assert [node.instance for node in run.placements] == ["i-1"]
    [plain] = plan(request(replace(RUN, requirements=Requirements(ANYTHING))), racks("", "")).documents
    assert plain.shortfall is None


def test_without_any_engine_the_run_is_refused_with_the_hosts_that_lack_it() -> None:
    for run in (RUN, replace(RUN, fleets=None, may_create=True)):
        [refused] = plan(request(run), racks("", "", "")).documents
        assert {refusal.code for refusal in refused.refusals} == {RefusalCode.CONTAINERS}
        assert [refusal_text(refusal) for refusal in refused.refusals] == [
            "no Docker or Podman on h-0, h-2",
            "no Docker or Podman on h-1",
        ]
        assert refused.shortfall is not None
        assert not refused.shortfall.passes
        assert "no Docker or Podman on h-0, h-2" in shortfall_reason(refused.kind, refused.shortfall)
        assert refused.notes == ("an `image` needs Docker or Podman: no Docker or Podman on h-0, h-1, h-2",)


def test_with_too_few_engines_the_hosts_that_lack_one_are_named_too() -> None:
    pair = replace(RUN, nodes=(NodeRequest(0), NodeRequest(1)))
    [refused] = plan(request(pair), racks("docker", "", "", "")).documents
    assert refused.shortfall is not None
    assert refused.notes == ("an `image` needs Docker or Podman: no Docker or Podman on h-1, h-2, h-3",)


def test_many_hosts_without_an_engine_are_counted() -> None:
    [refused] = plan(request(RUN), racks(*[""] * 30)).documents
    assert refusal_text(refused.refusals[0]).endswith(" and 5 more")


def test_offers_whose_machines_are_known_to_have_no_engine_are_not_bought() -> None:
    bare, unknown = InstanceType("bare", 2, 8, containers=""), InstanceType("unknown", 2, 8)
    [run] = plan(
        request(RunRequest("train", requirements=IMAGE)), world(offer(A, 1, bare), offer(B, 2, unknown))
    ).documents
    assert [node.zone for node in run.placements] == [B]
    [refusal] = run.refusals
    assert (refusal.zone, refusal_text(refusal)) == (A, "no Docker or Podman on bare")
