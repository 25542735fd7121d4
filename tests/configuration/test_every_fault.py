"""One fault does not hide another: a run of `validate` or `apply` reports all that is wrong with its files."""

from datetime import date

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.configuration import SourceFile, parse
from atoll.configuration.checks.zoning import Ground
from atoll.configuration.loading import MOST_FINDINGS
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.zone import Zone
from atoll.zones.directory import builtin
from tests.configuration.conftest import CommandLine

TASK = {"type": "task", "commands": ["a"]}
PLANTED = {
    "name": "My_Task", "nodes": "x", "priority": 300, "max_price": -1, "spot_policy": "cheap", "shell": [1],
    "resources": {"cpu": "many"}, "volumes": ["a:/b", "c:/b"], "env": ["1X=2"], "availability_zones": ["us-eest-1a"],
    "backends": ["awz"], "regions": ["us-eest-1"], "working_dir": [1], "fleetz": ["a"],
    "retry": "often",
    "max_duration": "1y", "python": "2.7", "build": ["make"], "gpu": 1, "docker": True,
}  # fmt: skip


def faults_of(text: str) -> list[Diagnostic]:
    return [one for one in findings(text) if one.severity is Severity.ERROR]


def findings(text: str, *, applying: bool = False) -> tuple[Diagnostic, ...]:
    return parse([SourceFile("f.yml", text)], applying=applying).diagnostics


@given(st.lists(st.sets(st.sampled_from(sorted(PLANTED)), min_size=1), min_size=1, max_size=3))
@settings(max_examples=120, deadline=None)
def test_a_file_with_planted_faults_gets_a_finding_on_the_line_of_each(planted: list[set[str]]) -> None:
    documents = [{**TASK, **{key: PLANTED[key] for key in sorted(keys)}} for keys in planted]
    text = "---\n".join(yaml.safe_dump(one, sort_keys=False, default_flow_style=None) for one in documents)
    found = findings(text)
    assert len(found) >= sum(map(len, planted))
    lines = text.splitlines()
    marked = [lines[one.span.line - 1].partition(":")[0].strip() for one in found if one.span]
    for key in set().union(*planted):
        assert marked.count(key) >= sum(key in keys for keys in planted), (key, found)


def test_a_repaired_fault_brings_no_finding_that_was_not_there_before() -> None:
    codes = {(one.code, one.span and one.span.line) for one in findings("type: task\ncommandz: [a]\nnodes: x\n")}
    assert codes == {("unknown-key", 2), ("wrong-type", 3)}


def test_every_variable_without_a_value_is_named_and_only_applying_refuses_it() -> None:
    text = "type: task\ncommands: [a]\nenv: [A, B=1, C]\nnodes: x\n"
    for applying, severity in ((False, Severity.WARNING), (True, Severity.ERROR)):
        found = [one for one in findings(text, applying=applying) if one.code == "unset-variable"]
        assert [(one.message, one.severity) for one in found] == [
            ("the variable `A` is not set", severity), ("the variable `C` is not set", severity),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("type: task\ncommands: [a]\ndocker: true\n", "docker"),
        ("type: volume\nbackend: kubernetes\nclaim_name: data\n", "claim_name"),
        ("type: task\ncommands: [a]\nrepos: [.]\n", "repos"),
        ("type: service\ncommands: [a]\nport: 80\n", "service"),
        ("type: preset\nrepo: a/b\n", "preset"),
    ],
)
def test_what_changes_what_runs_or_where_is_refused_when_applying_and_a_warning_before(text: str, key: str) -> None:
    for applying, code, severity in ((True, "not-supported", "error"), (False, "not-acted-on", "warning")):
        (found,) = findings(text, applying=applying)
        assert (found.code, found.severity, found.message) == (code, severity, f"`{key}` needs a later release")


@pytest.mark.parametrize(
    "line", ["privileged: true", "user: me", "entrypoint: sh -c", "registry_auth: {username: u, password: p}"]
)
def test_what_is_about_a_container_needs_an_image(line: str) -> None:
    text = f"type: task\ncommands: [a]\n{line}\n"
    (found,) = findings(text, applying=True)
    assert (found.code, found.message) == ("not-supported", f"`{line.partition(':')[0]}` needs an `image`")
    assert findings(text + "image: alpine\n", applying=True) == ()


def test_shared_memory_without_an_image_is_a_warning() -> None:
    text = "type: task\ncommands: [a]\nresources: {shm_size: 2GB}\n"
    (found,) = findings(text, applying=True)
    assert (found.severity, found.message) == ("warning", "`shm_size` has no effect without `image`")
    assert findings(text + "image: alpine\n", applying=True) == ()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("image: -v", "the name of an image"),
        ("image: a b", "the name of an image"),
        ('image: a\nentrypoint: "sh \'c"', "closed quotes"),
        ("image: a\nentrypoint: \"''\"", "a program"),
        ("image: a\nregistry_auth: {username: u}", "needs `password`"),
    ],
)
def test_a_container_that_cannot_be_started_is_refused(lines: str, words: str) -> None:
    (found,) = findings(f"type: task\ncommands: [a]\n{lines}\n", applying=True)
    assert words in f"{found.message} {found.notes} {found.help}"


def test_what_only_tunes_warns_with_what_happens_instead() -> None:
    (found,) = findings("type: task\ncommands: [a]\npriority: 3\n", applying=True)
    assert (found.severity, found.notes) == ("warning", ("waiting runs start in the order of their submission",))


def test_backends_and_regions_that_do_not_exist_are_errors_with_a_suggestion() -> None:
    backend, region = findings("type: fleet\nnodes: 1\nbackends: [awz]\nregions: [us-eest-1]\n")
    assert (backend.code, backend.help) == ("unknown-backend", "did you mean `aws`?")
    assert region.code == "unknown-region"
    assert "`us-east-1`" in str(region.help)


@pytest.mark.parametrize(
    ("key", "words"), [("build: [a]", "image"), ("gpu: 1", "resources: {gpu"), ("retry_policy: 1", "`retry`")]
)
def test_a_key_that_moved_says_where_to(key: str, words: str) -> None:
    (found,) = findings(f"type: task\ncommands: [a]\n{key}\n")
    assert (found.code, words in str(found.help)) == ("unknown-key", True)


def test_a_command_with_a_colon_says_to_quote_it() -> None:
    (found,) = findings("type: task\ncommands:\n  - echo note: this\n")
    assert "'echo note: this'" in str(found.help)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("type: fleet\nnodes: 1\nbackends: [azure]\nregions: [eastus]\navailability_zones: [1, 2]\n",
         "availability_zones", ["1", "2"]),
        ("type: fleet\nnodes: 1\ntags: {v: 1.10, n: 007, t: true}\n", "tags", {"v": "1.10", "n": "007", "t": "true"}),
        ("type: task\ncommands: [a]\npython: 3.10\n", "python", "3.10"),
        ("type: task\ncommands: [a]\ndstack: true\n", "dstack", True),
        ("type: task\ncommands: [a]\nresources: {gpu: 'RTX 4090:24 GB'}\n", "resources",
         {"gpu": {"name": ["RTX4090"], "memory": {"min": 24.0, "max": 24.0}}}),
        ("type: task\ncommands: [a]\nrepos: ['.:/w', 'https://e.com/a.git:/b', 'git@e.com:a/b.git']\n", "repos",
         [{"local_path": ".", "path": "/w"}, {"url": "https://e.com/a.git", "path": "/b"},
          {"url": "git@e.com:a/b.git"}]),
        ("type: service\nport: 80\nreplicas: [{count: 1, commands: [a]}]\n", "groups",
         [{"replicas": {"min": 1.0, "max": 1.0}, "commands": ["a"]}]),
        ("type: gateway\nbackend: aws\nregion: us-east-1\nreplicas: 2\n", "replicas", 2),
    ],
)  # fmt: skip
def test_what_dstack_reads_is_read_with_its_meaning(text: str, key: str, value: object) -> None:
    result = parse([SourceFile("f.yml", text)])
    assert result.ok, result.diagnostics
    assert result.documents[0].to_json()[key] == value


def test_keys_for_anchors_are_ignored_and_octal_looking_counts_are_refused() -> None:
    anchored = "x-common: &common {cpu: 2..}\ntype: task\ncommands: [a]\nresources: {<<: *common}\n"
    assert findings(anchored) == ()
    (found,) = findings("type: fleet\nnodes: 010\n")
    assert "write `10`" in str(found.help)


def test_a_variable_that_no_process_can_take_is_refused() -> None:
    assert findings("type: task\ncommands: [a]\nenv: {A: " + "x" * 131_069 + "}\n") == ()
    (found,) = findings("type: task\ncommands: [a]\nenv: {A: " + "x" * 131_070 + "}\n")
    assert found.code == "wrong-value"


def test_reading_stops_after_a_hundred_findings_and_says_so() -> None:
    found = findings("---\n".join("type: task\nnodes: x\n" for _ in range(20_000)))
    assert (len(found), found[-1].code) == (MOST_FINDINGS + 1, "too-many-findings")


def test_hidden_folders_of_configurations_are_entered_and_others_are_not(atoll: CommandLine) -> None:
    for folder in (".dstack", ".venv"):
        (atoll.folder / folder).mkdir()
        atoll.write("type: fleet\nnodes: x\n", f"{folder}/w.dstack.yml")
    done = atoll("validate", ".")
    assert (done.returncode, ".dstack/w.dstack.yml" in done.stdout, ".venv" in done.stdout) == (1, True, False)


def test_a_file_without_its_dot_is_pointed_out(atoll: CommandLine) -> None:
    atoll.write("type: fleet\nnodes: 1\n", "dstack.yml")
    assert "rename it to `.dstack.yml`" in atoll("validate", ".").stdout


def test_the_folders_own_file_is_taken_when_none_is_named(atoll: CommandLine) -> None:
    assert "name a configuration" in atoll("validate").stderr
    atoll.write("type: fleet\nnodes: 1\n", ".dstack.yml")
    assert atoll("validate").stdout == "1 document in 1 file, nothing wrong\n"


def test_a_fault_of_a_service_with_groups_is_reported_once() -> None:
    (found,) = faults_of("type: service\nport: 80\ncommands: [a]\ngroups: [{replicas: 1, commands: [b]}]\n")
    assert found.span is not None
    assert found.span.line == 3
    assert "not beside `groups`" in found.message


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("prefix: api", "`prefix`: expected a path that begins with `/`"),
        ("prefix: '/a b'", "`prefix`: expected a path that begins with `/`"),
        ("key: {type: header, header: 'a b'}", "`header`: expected the name of a header of letters"),
    ],
)
def test_a_wrong_rate_limit_says_what_is_possible(limit: str, message: str) -> None:
    (found,) = faults_of(f"type: service\nport: 80\ncommands: [a]\nrate_limits: [{{rps: 1, {limit}}}]\n")
    assert message in found.message


def test_on_a_server_a_region_that_none_of_its_backends_has_is_an_error_and_one_of_several_a_warning() -> None:
    directory = builtin().with_live("local", [Zone("local", "local", "local-a")], date(2026, 1, 1))
    ground = Ground(directory, ["local"])
    for text in ("type: fleet\nnodes: 1\nregions: [nowhere]\n",
                 "type: volume\nsize: 1GB\nbackend: local\nregion: nowhere\n"):  # fmt: skip
        (found,) = parse([SourceFile("f.yml", text)], ground=ground).diagnostics
        assert (found.code, found.severity) == ("unknown-region", Severity.ERROR)
    text = "type: fleet\nnodes: 1\nregions: [local, nowhere]\n"
    (found,) = parse([SourceFile("f.yml", text)], ground=ground).diagnostics
    assert found.severity is Severity.WARNING
