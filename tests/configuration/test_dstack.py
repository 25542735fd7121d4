"""dstack's own files through the commands: `.dstack.yml`, and the profiles of `.dstack/profiles.yml`."""

import json

from tests.configuration.conftest import CommandLine, Worlds

PROFILES = "profiles:\n- {name: here, default: true, availability_zones: [local-b]}\n- {name: odd, max_prise: 1}\n"
TASK = "type: task\nname: hello\ncommands: [echo hello]\nresources: {cpu: 2.., memory: 4GB..}\n"


def with_profiles(atoll: CommandLine, text: str) -> None:
    folder = atoll.folder / ".dstack"
    folder.mkdir(exist_ok=True)
    (folder / "profiles.yml").write_text(text)


def test_validate_takes_the_files_of_a_folder_and_their_profiles(atoll: CommandLine) -> None:
    atoll.write(TASK, ".dstack.yml")
    atoll.write(TASK.replace("hello", "second"), "train.dstack.yml")
    assert atoll("validate", ".").stdout == "2 documents in 2 files, nothing wrong\n"
    with_profiles(atoll, PROFILES)
    done = atoll("validate", ".dstack.yml")
    assert done.returncode == 1
    assert "--> .dstack/profiles.yml:3:15" in done.stdout
    assert "did you mean `max_price`?" in done.stdout


def test_validate_takes_a_named_profile_and_says_which_there_are(atoll: CommandLine) -> None:
    with_profiles(atoll, PROFILES.replace("max_prise", "max_price"))
    atoll.write(TASK, ".dstack.yml")
    assert atoll("validate", ".dstack.yml", "--profile", "odd").returncode == 0
    wrong = atoll("validate", ".dstack.yml", "--profile", "other")
    assert (wrong.returncode, "the profiles are `here`, `odd`" in wrong.stdout) == (1, True)


def test_plan_takes_the_file_and_its_default_profile(worlds: Worlds) -> None:
    atoll = worlds["zones"]
    with_profiles(atoll, PROFILES.replace("max_prise", "max_price"))
    try:
        done = atoll("plan", "-f", atoll.write(TASK, ".dstack.yml"), "--json")
        assert done.returncode == 0, done.stderr
        (document,) = json.loads(done.stdout)["plan"]["documents"]
        assert [node["zone"] for node in document["nodes"]] == ["local-b"]
    finally:
        (atoll.folder / ".dstack" / "profiles.yml").unlink()


def test_resources_in_a_profile_are_refused_with_where_they_belong(atoll: CommandLine) -> None:
    for key in ("resources: {gpu: 1}", "gpu: 24GB"):
        with_profiles(atoll, f"profiles:\n- {{name: here, default: true, {key}}}\n")
        done = atoll("validate", atoll.write(TASK, ".dstack.yml"))
        assert done.returncode == 1
        assert "write `resources` in each configuration" in done.stdout
