"""Bad input: each gets what is wrong, where, and what to do; exit code 1, or 2 for usage; and nothing half-made."""

import pytest

from tests.e2e.conftest import Place

FLEET = "type: fleet\nname: {name}\nnodes: 1\nbackends: [local]\n"
WRONG = {
    "empty": ("", "error[empty-file]", "`it.atoll.yml` is empty", "help: begin with `type: fleet`"),
    "only comments": ("# nothing\n---\n", "error[empty-file]", "`it.atoll.yml` is empty", "help: begin with"),
    "not YAML": ("type: [fleet\nname: x", "error[not-yaml]", "it.atoll.yml:2:5", "help: check quotes, brackets"),
    "no mapping": ("hello", "error[wrong-type]", "it.atoll.yml:1:1", "help: begin with `type: task`"),
    "unknown key": ("type: fleet\nname: x\nnods: 3\n", "error[unknown-key]: `nods`", "it.atoll.yml:3:1", "`nodes`?"),
    "wrong value": ("type: fleet\nname: x\nnodes: many\n", "`nodes`: expected", "it.atoll.yml:3:8", "`2..8`"),
    "wrong type": ("type: task\nname: x\ncommands: {a: b}\n", "error[wrong-", "it.atoll.yml:3:11", "expected"),
    "duplicate name": (
        "type: fleet\nname: x\nnodes: 1\n---\ntype: fleet\nname: x\nnodes: 2\n",
        "error[duplicate-name]: two fleets are named `x`",
        "it.atoll.yml:6:7",
        "note: the first is at it.atoll.yml:2",
    ),
    "bad characters": (
        "type: fleet\nname: Bad_Name!\nnodes: 1\n",
        "error[bad-name]: `Bad_Name!`",
        "it.atoll.yml:2:7",
        "help: a name has small letters",
    ),
    "unknown zone": (
        FLEET.format(name="x") + "availability_zones: [local-z]\n",
        "error[unknown-zone]: `local-z`",
        "it.atoll.yml:5:22",
        "zones: local-a, local-b, local-c",
    ),
    "volume of another zone than allowed": (
        "type: volume\nname: v\nbackend: local\nregion: local\navailability_zone: local-b\nsize: 1GB\n---\n"
        'type: task\nname: t\navailability_zones: [local-a]\nvolumes: ["v:/v"]\ncommands: [echo]\n',
        "error[volume-zone]: the volume `v` is in `local-b`, but `t` may run in `local-a` only",
        "it.atoll.yml:11:11",
        "help: add `local-b` to `availability_zones`",
    ),
}


TOO_MUCH = {
    "more nodes than any zone can hold": (
        FLEET.format(name="big").replace("nodes: 1", "nodes: 50") + "placement: cluster\n",
        "error: fleet `big` does not fit",
        "local-a can take the most, 8",
        "help: lower `nodes` to 8",
    ),
    "more nodes than all zones can hold": (
        FLEET.format(name="big").replace("nodes: 1", "nodes: 50"),
        "error: fleet `big` does not fit",
        "the zones can take 24 of 50 nodes",
        "help: lower `nodes` to 24",
    ),
    "more CPUs than a machine has": (
        "type: task\nname: t\nresources: {cpu: 99..}\ncommands: [echo]\n",
        "error: run `t` does not fit",
        "CPUs",
        "nothing was applied",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_gets_the_fault_its_place_and_the_cure(shared: Place, case: str) -> None:
    text, *said = WRONG[case]
    for command in (("apply", "-y"), ("plan",)):
        words = shared.refused(*command, "-f", shared.write("it", text))
        for part in said if command[0] == "apply" else said[:2]:
            assert part in words


@pytest.mark.parametrize("case", TOO_MUCH)
def test_what_fits_nowhere_is_refused_and_its_plan_shows_why(shared: Place, case: str) -> None:
    text, *said = TOO_MUCH[case]
    words = shared.refused("apply", "-y", "-f", shared.write("it", text))
    for part in said:
        assert part in words
    planned = shared("plan", "-f", shared.write("it", text))
    assert planned.returncode == 1
    assert "does not fit" in planned.stdout
    assert said[1] in planned.stdout


def test_a_missing_file_is_named(shared: Place) -> None:
    words = shared.refused("apply", "-f", "nowhere.yml", "-y")
    assert "there is no file `nowhere.yml`" in words
    assert "help: check the path" in words


def test_a_folder_and_a_binary_are_no_files_of_ours(shared: Place) -> None:
    assert "`.` is a folder" in shared.refused("apply", "-f", ".", "-y")
    (shared.folder / "binary.yml").write_bytes(b"\xff\xfe\x00")
    assert "`binary.yml` is not text" in shared.refused("apply", "-f", "binary.yml", "-y")


@pytest.mark.parametrize(
    "usage",
    [
        ("aply",),
        ("apply",),
        ("apply", "-f", "x.yml", "--nope"),
        ("delete",),
        ("delete", "fleet"),
        ("logs", "x", "--job", "-1"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_points_to_the_help(shared: Place, usage: tuple[str, ...]) -> None:
    words = shared.refused(*usage, code=2)
    assert "--help`" in words


def test_apply_without_a_terminal_requires_y(shared: Place) -> None:
    words = shared.refused("apply", "-f", shared.write("f", FLEET.format(name="unasked")), code=2)
    assert "pass `-y`" in words


def test_what_does_not_exist_is_named(shared: Place) -> None:
    for kind in ("fleet", "volume", "run"):
        assert f"there is no {kind} `nix`" in shared.refused("delete", kind, "nix", "-y")
        assert f"there is no {kind} `nix`" in shared.refused(kind, "get", "nix")
    assert "there is no zone `local-q`" in shared.refused("zone", "fail", "local-q")
    assert "there is no run `nix`" in shared.refused("stop", "nix")
    assert "there is no run `nix`" in shared.refused("logs", "nix", "-f")
    assert "nothing to delete" in shared.ok("delete", "-f", shared.write("f", FLEET.format(name="nix")), "-y")


def test_a_command_that_is_not_found_is_reported_with_its_zone(shared: Place) -> None:
    text = "type: task\nname: typo\navailability_zones: [local-a]\ncommands: [nosuchprogram --fast]\n"
    done = shared("apply", "-f", shared.write("typo", text), "-y")
    assert done.returncode == 127
    assert "nosuchprogram: not found" in done.stderr
    assert "error: run typo failed in local-a: exit code 127, the command was not found" in done.stderr
    assert "Traceback" not in done.stderr
    assert "127" in shared.ok("ps", "-a")


def test_what_is_in_use_is_not_deleted(shared: Place) -> None:
    text = (
        "type: fleet\nname: keep\nnodes: 1\nbackends: [local]\navailability_zones: [local-b]\n---\n"
        "type: volume\nname: disk\nbackend: local\nregion: local\navailability_zone: local-b\nsize: 1GB\n---\n"
        'type: task\nname: holder\nfleets: [keep]\nvolumes: ["disk:/disk"]\ncommands: [echo begun, sleep 1000]\n'
    )
    file = shared.write("use", text)
    following = shared.begin("apply", "-f", file, "-y")
    assert following.stdout is not None
    assert any(line == "begun\n" for line in following.stdout)
    following.terminate()
    following.communicate()
    for kind, name, why in (
        ("volume", "disk", "volume `disk` is attached for run `holder`"),
        ("fleet", "keep", "fleet `keep` is busy with `holder`"),
        ("run", "holder", "run `holder` is running"),
    ):
        words = shared.refused("delete", kind, name, "-y")
        assert why in words
        assert "help: `atoll stop holder` first" in words
    assert "run `holder` is running" in shared.refused("delete", "-f", file, "-y")
    shared.ok("stop", "holder", "--abort")
    shared.ok("delete", "-f", file, "-y")
    assert "nothing to delete" in shared.ok("delete", "-f", file, "-y")
