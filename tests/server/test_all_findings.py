"""All faults of a submission are reported at once: the files' own errors and the world's."""

from typing import Any

from tests.server.conftest import Served

UNKNOWN_KEY = "type: fleet\nname: a\nnodes: 1\nnoodles: 2\n"
UNKNOWN_FLEET = "type: task\nname: b\ncommands: [work]\nfleets: [nowhere]\n"


async def findings(served: Served, *texts: str) -> list[tuple[str, str, int]]:
    body = {"files": [{"name": f"{number}.yml", "text": text} for number, text in enumerate(texts)]}
    answer = await served.ask("POST", "/api/projects/main/plan", json=body)
    assert answer.status_code == 422
    found: list[dict[str, Any]] = answer.json()["diagnostics"]
    return [(one["code"], one["span"]["file"], one["span"]["line"]) for one in found]


async def test_a_document_that_can_be_read_is_held_against_the_world_whichever_other_cannot(served: Served) -> None:
    assert await findings(served, f"{UNKNOWN_KEY}---\n{UNKNOWN_FLEET}") == [
        ("unknown-key", "0.yml", 4),
        ("unknown-fleet", "0.yml", 9),
    ]


async def test_findings_come_in_the_order_of_files_and_lines_wherever_they_are_from(served: Served) -> None:
    assert await findings(served, UNKNOWN_FLEET, UNKNOWN_KEY, UNKNOWN_FLEET.replace("name: b", "name: c")) == [
        ("unknown-fleet", "0.yml", 4),
        ("unknown-key", "1.yml", 4),
        ("unknown-fleet", "2.yml", 4),
    ]


async def test_an_error_of_a_zone_does_not_hide_the_backend_and_the_secret(served: Served) -> None:
    task = (
        "type: task\nname: t\ncommands: [work]\navailability_zones: [fake-9z]\n"
        "env:\n  KEY: ${{ secrets.KEY }}\nbackends: [aws]\n"
    )
    assert [code for code, _, _ in await findings(served, task)] == [
        "unknown-zone",
        "unknown-secret",
        "unknown-backend",
    ]


async def test_a_conflict_with_existing_records_is_reported_beside_a_wrong_file(served: Served) -> None:
    volume = "type: volume\nname: data\nbackend: fake\navailability_zone: fake-1a\nsize: 10GB\n"
    assert (await served.apply(volume)).status_code == 200
    found = await findings(served, volume.replace("fake-1a", "fake-1b"), UNKNOWN_KEY)
    assert [code for code, _, _ in found] == ["volume-immutable", "unknown-key"]


async def test_what_a_document_with_errors_defines_is_not_called_missing(served: Served) -> None:
    task = 'type: task\nname: t\ncommands: [work]\nfleets: [a]\nvolumes: ["v:/v"]\n'
    volume = "type: volume\nname: v\nbackend: fake\nsize: big\n"
    found = await findings(served, f"{UNKNOWN_KEY}---\n{volume}---\n{task}")
    assert [code for code, _, _ in found] == ["unknown-key", "wrong-value"]
    # Another name is missing all the same.
    found = await findings(served, f"{UNKNOWN_KEY}---\n{task.replace('[a]', '[b]').replace('v:/v', 'w:/v')}")
    assert [code for code, _, _ in found] == ["unknown-key", "unknown-fleet", "unknown-volume"]


async def test_of_a_file_that_cannot_be_read_anything_may_come(served: Served) -> None:
    assert [code for code, _, _ in await findings(served, "type: [", UNKNOWN_FLEET)] == ["not-yaml"]
    nameless = UNKNOWN_KEY.replace("name: a\n", "")  # gets a name of its own, which no other document knows
    assert [code for code, _, _ in await findings(served, nameless, UNKNOWN_FLEET)] == ["unknown-key", "unknown-fleet"]
