"""Whether runs can reach their volumes: of one file, and of the server."""

import pytest

from atoll.configuration import SourceFile, parse
from atoll.model.diagnostic import Diagnostic
from tests.configuration.conftest import Worlds


def findings(text: str) -> list[Diagnostic]:
    return [one for one in parse([SourceFile("f.yml", text)]).diagnostics if one.code != "not-acted-on"]


def volume(name: str, zone: str | None, backend: str = "aws", region: str = "us-east-1") -> str:
    place = f", availability_zone: {zone}" if zone else ""
    return f"{{type: volume, name: {name}, backend: {backend}, region: {region}, size: 1GB{place}}}\n---\n"


def task(mounts: str, keys: str = "", nodes: int = 1) -> str:
    return f"{{type: task, name: t, nodes: {nodes}, commands: [a], volumes: [{mounts}]{keys}}}\n"


@pytest.mark.parametrize(
    ("zone", "keys", "refused"),
    [
        ("us-east-1a", "", None),
        ("us-east-1a", ", backends: [aws], regions: [us-east-1]", None),
        ("us-east-1a", ", backends: [gcp]", "`t` may run in `gcp` only"),
        ("us-east-1a", ", backends: [AWS]", None),
        (None, ", backends: [gcp]", "the volume `v` is in aws us-east-1, but `t` may run in `gcp` only"),
        (None, ", regions: [eu-west-1]", "`t` may run in `eu-west-1` only"),
        (None, ", backends: [aws], availability_zones: [us-east-1b]", None),
        ("us-east-1a", ", backends: [aws], availability_zones: [us-east-1b]", "is in `us-east-1a`"),
        ("us-east-1a", ", backends: [aws], availability_zones: ['us-east-1*', '!us-east-1a']", "is in `us-east-1a`"),
    ],
)
def test_a_volume_must_be_where_the_run_may_go(zone: str | None, keys: str, refused: str | None) -> None:
    found = findings(volume("v", zone) + task("'v:/v'", keys))
    assert [one.code for one in found] == (["volume-zone"] if refused else [])
    assert refused is None or refused in found[0].message


def test_an_id_and_a_letter_of_one_region_may_be_the_same_zone() -> None:
    for zone, allowed in (("use1-az4", "us-east-1a"), ("us-east-1a", "use1-az4")):
        keys = f", backends: [aws], availability_zones: [{allowed}]"
        assert findings(volume("v", zone) + task("'v:/v'", keys)) == []
        assert [one.code for one in findings(volume("v", zone) + task("'v:/v'", keys.replace("1a", "2a")))] == (
            ["volume-zone"] if zone == "use1-az4" else []
        )
    assert findings(volume("v", "use1-az4") + volume("w", "us-east-1a") + task("'v:/v', 'w:/w'")) == []


def test_where_id_and_letter_are_known_to_be_one_zone_they_are_one() -> None:
    volumes = volume("v", "euc1-az2", region="eu-central-1") + volume("w", "eu-central-1a", region="eu-central-1")
    assert findings(volumes + task("'v:/v', 'w:/w'")) == []
    other = volumes.replace("eu-central-1a", "eu-central-1b")
    (found,) = findings(other + task("'v:/v', 'w:/w'"))
    assert found.code == "volumes-share-no-zone"
    assert found.notes == (
        "the volume `v` is in `eu-central-1a` (`euc1-az2`)",
        "the volume `w` is in `eu-central-1b`",
    )


def test_mounts_of_which_each_two_but_not_all_share_a_zone_are_reported_together() -> None:
    places = {"a": "ab", "b": "bc", "c": "ca"}
    volumes = "".join(volume(f"{name}{one}", f"us-east-1{one}") for name, zones in places.items() for one in zones)
    mounts = ", ".join(
        f"{{name: [{', '.join(name + one for one in zones)}], path: /{name}}}" for name, zones in places.items()
    )
    (found,) = findings(volumes + task(mounts))
    assert found.code == "volumes-share-no-zone"
    assert len(found.notes) == 6


def test_nodes_with_volumes_of_their_own_rank_need_no_zone_in_common() -> None:
    volumes = volume("v-0", "us-east-1a") + volume("v-1", "us-east-1b")
    assert findings(volumes + task("'v-${{ dstack.node_rank }}:/v'", nodes=2)) == []
    both = volumes + volume("w", "us-east-1a")
    (found,) = findings(both + task("'v-${{ dstack.node_rank }}:/v', 'w:/w'", nodes=2))
    assert (found.code, found.notes[0]) == ("volumes-share-no-zone", "the volume `v-1` is in `us-east-1b`")


def test_plan_names_both_zones_of_volumes_that_exist(worlds: Worlds) -> None:
    atoll = worlds["zones"]
    for letter in "ab":
        text = f"{{type: volume, name: in-{letter}, backend: local, availability_zone: local-{letter}, size: 1GB}}\n"
        atoll("apply", "-y", "-d", "-f", atoll.write(text), check=True)

    def planned(mounts: str, keys: str = "") -> str:
        return atoll("plan", "-f", atoll.write(task(mounts, keys))).stderr

    apart = planned("'in-a:/a', 'in-b:/b'")
    assert "error[volumes-share-no-zone]" in apart
    assert "`in-a` is in `local-a`" in apart
    assert "`in-b` is in `local-b`" in apart
    elsewhere = planned("'in-a:/a'", ", availability_zones: [local-b]")
    assert "error[volume-zone]: the volume `in-a` is in `local-a`, but `t` may run in `local-b` only" in elsewhere
    none = planned("{name: [in-a, in-b], path: /v}", ", availability_zones: [local-c]")
    assert "error[no-volume-fits]: none of the volumes `in-a`, `in-b` can be used" in none
    assert "error" not in planned("{name: [in-a, in-b], path: /v}", ", availability_zones: [local-b]")
    assert "warning[unknown-volume]: there is no volume `in-q`" in planned("{name: [in-a, in-q], path: /v}")


def test_plan_says_which_list_knows_the_zones(worlds: Worlds) -> None:
    atoll = worlds["zones"]
    fleet = "{type: fleet, name: f, nodes: 1, availability_zones: [ZONE]}"
    wrong = atoll("plan", "-f", atoll.write(fleet.replace("ZONE", "local-q"))).stderr
    assert "error[unknown-zone]: `local-q` is not a zone of fake or local" in wrong
    assert " = note: local listed its zones at 20" in wrong
    other = atoll("plan", "-f", atoll.write(fleet.replace("ZONE", "us-east-1a"))).stderr
    assert "error[zone-of-other-backend]: `us-east-1a` is not a zone of fake or local" in other
    assert "this server has no `aws`" in other or "this server has no `alibaba`" in other
    gone = fleet.replace("[ZONE]", "['local-*', '!local-?'], backends: [local]")
    assert "error[zones-all-excluded]" in atoll("plan", "-f", atoll.write(gone)).stderr
    gone = fleet.replace("[ZONE]", "['!*']")
    assert "error[zones-all-excluded]" in atoll("plan", "-f", atoll.write(gone)).stderr
