"""Every golden case comes out as it is written, text and JSON, and the cases cover what they have to."""

import json
from pathlib import Path

import pytest

from tests.planning.golden.case import FOLDER, PLAN, TEXT, VERBOSE, Case, cases

CASES = cases()
AGAIN = "; if the new one is right: `python -m tests.planning.golden {}`, read it, commit it"

DSTACK = {
    "a zone that does not exist": "zones/unknown",
    "one that exists and one that does not": "zones/one-of-two-unknown",
    "a zone id": "zones/by-zone-id",
    "a volume in a wrong zone": "volumes/in-a-wrong-zone",
    "a volume without a zone": "volumes/where-its-fleet-is",
    "four nodes": "spread/four-nodes-are-not-all-in-one-zone",
    "two dry zones, three nodes": "failures/two-dry-zones",
    "every zone dry": "failures/every-zone-dry",
    "a volume in one zone, the fleet in another": "volumes/fleet-elsewhere",
    "a volume in one zone, the run's zones are others": "volumes/its-zone-is-not-allowed",
    "two mounts in two zones": "volumes/two-mounts-in-two-zones",
    "one mount, two volumes, one of their zones dry": "volumes/one-of-a-list",
    "a zone filter and a backend without zones": "zones/backend-without-zones-beside-one-with",
    "zones of azure": "zones/azure-numbers",
    "zones of kubernetes": "zones/kubernetes",
    "zones of openstack": "zones/openstack-free-text",
}
"""What a peer does wrong about zones, and the case in which it is done right."""


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_plan_and_its_text_are_as_written(case: Case) -> None:
    for name, text in case.actual().items():
        assert text == case.expected(name), f"{case.name}/{name} differs{AGAIN.format(case.name)}"


def test_the_cases_cover_the_mistakes_of_the_peer() -> None:
    names = {case.name for case in CASES}
    assert len(names) >= 60
    assert set(DSTACK.values()) <= names


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_zone_is_used_or_has_a_reason(case: Case) -> None:
    plan = json.loads(case.expected(PLAN)).get("plan")
    if plan is None:
        return
    snapshot = json.loads((case.folder / "snapshot.json").read_text())
    whole = snapshot if isinstance(snapshot, dict) else {"offers": snapshot}
    seen = {(one["backend"], one["region"], one.get("zone", "")) for one in whole["offers"]}
    for document in plan["documents"]:
        if document["kind"] == "volume" and document["zone"] is None and document["shortfall"] is None:
            continue
        told = {(node["backend"], node["region"], node["zone"]) for node in document["nodes"]}
        if document["zone"]:
            told.add(tuple(document["zone"][key] for key in ("backend", "region", "name")))
        told |= {tuple(one["scope"][key] for key in ("backend", "region", "zone")) for one in document["refusals"]}
        fleets = whole.get("fleets", [])
        there = [one for fleet in fleets if fleet["name"] == document["name"] for one in fleet["instances"]]
        told |= {(one["backend"], one["region"], one["zone"]) for one in there}
        assert seen <= told


def test_no_text_is_wider_than_a_screen_unless_a_reason_is() -> None:
    for case in CASES:
        for line in case.expected(TEXT).splitlines():
            assert len(line) <= 160, case.name


def test_nothing_else_lies_beside_the_cases() -> None:
    known = {"request.atoll.yml", "snapshot.json", PLAN, TEXT, VERBOSE}
    for case in CASES:
        assert {path.name for path in Path(case.folder).iterdir()} <= known
    assert {path.parent.parent for path in FOLDER.glob("*/*/*")} - {FOLDER / "__pycache__"} == {
        case.folder.parent for case in CASES
    }
