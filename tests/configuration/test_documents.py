"""What files mean: every type, short and long forms, names, environment, profiles."""

from typing import Any

import pytest

from atoll.configuration import Choices, Parsed, SourceFile, named_environment, parse, spec_from_json
from atoll.configuration.reading.document import MODELS
from atoll.model.resources import GpuRequirement, Range

TASK = "type: task\nname: t\ncommands: [a]\n"
FLEET = "type: fleet\nname: f\nnodes: 1\n"


def parsed(text: str, name: str = "train.atoll.yml", **options: Any) -> Parsed:
    result = parse([SourceFile(name, text)], **options)
    assert result.ok, result.diagnostics
    return result


def spec(text: str, **options: Any) -> Any:
    return parsed(text, **options).documents[0].spec


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("3", (3, 3, 3)),
        ("0", (0, 0, 0)),
        ("2..8", (2, 2, 8)),
        ("2..", (2, 2, None)),
        ("..8", (0, 0, 8)),
        ("'4'", (4, 4, 4)),
        ("{min: 2, target: 4, max: 8}", (2, 4, 8)),
        ("{max: 8}", (0, 0, 8)),
        ("{min: 2, target: null}", (2, 2, None)),
    ],
)
def test_nodes_have_short_and_long_forms(written: str, expected: tuple[int, int, int | None]) -> None:
    nodes = spec(f"type: fleet\nnodes: {written}").nodes
    assert (nodes.min, nodes.target, nodes.max) == expected


def test_a_bare_strategy_is_a_placement_with_the_defaults() -> None:
    placement = spec(FLEET + "placement: spread").placement
    assert placement == spec(FLEET + "placement: {strategy: spread, max_skew: 1}").placement
    assert (placement.strategy, placement.max_skew, placement.min_zones) == ("spread", 1, None)
    assert (placement.on_shortage, placement.survive_zones) == ("reject", 0)


@pytest.mark.parametrize(("written", "share"), [("0.4", 0.4), ("40%", 0.4), ("'12.5 %'", 0.125), ("1", 1.0)])
def test_a_share_is_a_part_or_a_percentage(written: str, share: float) -> None:
    placement = spec(f"type: fleet\nname: f\nnodes: 6\nplacement: {{max_share: {written}}}").placement
    assert (placement.strategy, placement.max_share) == ("any", share)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("3d", 259200),
        ("1w", 604800),
        ("45", 45),
        ("'45'", 45),
        ("off", None),
        ("false", None),
    ],
)
def test_durations_are_seconds(written: str, seconds: float | None) -> None:
    assert spec(TASK + f"max_duration: {written}").max_duration == seconds


def test_the_defaults_of_a_task_are_those_of_dstack() -> None:
    task = spec(TASK)
    assert (task.nodes, task.max_duration, task.stop_duration, task.idle_duration) == (1, None, 300, 300)
    assert (task.spot_policy, task.creation_policy, task.retry, task.env) == ("on-demand", "reuse-or-create", None, {})


def test_default_resources_require_no_disk_and_no_gpu() -> None:
    resources = spec(TASK).resources.to_model()
    assert (resources.cpus, resources.memory_gb) == (Range(2, None), Range(8, None))
    assert (resources.disk_gb, resources.gpu, resources.arch) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1", GpuRequirement(Range(1, 1))),
        ("H100:8", GpuRequirement(Range(8, 8), ("H100",))),
        ("A100:80GB:2", GpuRequirement(Range(2, 2), ("A100",), memory_gb=Range(80, 80))),
        ("24GB..", GpuRequirement(Range(1, None), memory_gb=Range(24, None))),
        ("24GB..80GB", GpuRequirement(Range(1, None), memory_gb=Range(24, 80))),
        ("nvidia:A100,H100:1..2", GpuRequirement(Range(1, 2), ("A100", "H100"), "nvidia")),
        ("{count: 0..}", GpuRequirement(Range(0, None))),
        (
            "{name: A100, total_memory: 160GB.., compute_capability: 8.0}",
            GpuRequirement(names=("A100",), total_memory_gb=Range(160, None), compute_capability=(8, 0)),
        ),
        ("0", None),
    ],
)
def test_gpus_have_short_and_long_forms(written: str, expected: GpuRequirement | None) -> None:
    written = written if written.startswith("{") else f"'{written}'"
    assert spec(TASK + f"resources: {{gpu: {written}}}").resources.to_model().gpu == expected


@pytest.mark.parametrize(
    ("written", "help"),
    [
        ("[A100,H100]:2", None),
        ("A100;H100", None),
        ("-1", None),
        ("8xH100", "write `H100:8` for 8 of them"),
        ("H100*4", "write `H100:4` for 4 of them"),
    ],
)
def test_what_is_no_name_of_a_gpu_is_an_error_with_the_way_to_write_a_number(written: str, help: str | None) -> None:
    text = TASK + f"resources: {{gpu: '{written}'}}"
    [found] = parse([SourceFile("f", text)]).diagnostics
    assert (found.code, found.help) == ("wrong-value", help)


@pytest.mark.parametrize("line", ["ide: emacs", "schedule: {cron: every day}", "schedule: {cron: ['0 8 * * *', '8']}"])
def test_values_that_dstack_refuses_are_errors_although_this_release_does_not_act_on_them(line: str) -> None:
    kind = "type: dev-environment\n" if "ide" in line else TASK
    found = parse([SourceFile("f", kind + line)]).diagnostics
    assert "wrong-value" in {one.code for one in found}


@pytest.mark.parametrize(
    ("written", "count", "arch"),
    [
        ("4", Range(4, 4), None),
        ("4..8", Range(4, 8), None),
        ("..8", Range(None, 8), None),
        ("arm:4..", Range(4, None), "arm"),
        ("x86", Range(2, None), "x86"),
        ("{count: 4, arch: arm}", Range(4, 4), "arm"),
    ],
)
def test_cpus_have_short_and_long_forms(written: str, count: Range, arch: str | None) -> None:
    resources = spec(TASK + f"resources: {{cpu: {written}}}".replace("cpu: arm:", "cpu: arm:")).resources.to_model()
    assert (resources.cpus, resources.arch) == (count, arch)


@pytest.mark.parametrize(("written", "gb"), [("512MB", 0.5), ("16GB", 16), ("1TB", 1024), ("16", 16), ("1.5GB", 1.5)])
def test_sizes_are_gb(written: str, gb: float) -> None:
    assert spec(TASK + f"resources: {{memory: {written}, disk: {written}..}}").resources.to_model() == (
        spec(TASK + f"resources: {{memory: {{min: {gb}, max: {gb}}}, disk: {{size: {gb}..}}}}").resources.to_model()
    )


def test_a_volume_has_a_size_in_gb_and_a_zone() -> None:
    volume = spec("type: volume\nbackend: local\nregion: local\navailability_zone: local-b\nsize: 512MB")
    assert (volume.backend, volume.region, volume.availability_zone, volume.size) == ("local", "local", "local-b", 0.5)
    assert volume.binding_mode == "immediate"


def test_mounts_name_volumes_of_any_of_which_one_is_taken_by_rank() -> None:
    short, several, folder = spec(
        TASK + "volumes:\n- data-${{ dstack.node_rank }}:/data\n"
        "- {name: [a, 'b-${{atoll.node_rank}}'], path: /b}\n- /mnt/cache:/cache"
    ).volumes
    assert (short.names_for(3), short.path) == (("data-3",), "/data")
    assert several.names_for(1) == ("a", "b-1")
    assert (folder.instance_path, folder.path, hasattr(folder, "names_for")) == ("/mnt/cache", "/cache", False)


def test_retry_is_a_switch_or_a_mapping() -> None:
    assert spec(TASK + "retry: false").retry is None
    assert spec(TASK + "retry: true").retry.on_events == {"no-capacity", "interruption", "error"}
    retry = spec(TASK + "retry: {on_events: [interruption], duration: 6h}").retry
    assert (retry.on_events, retry.duration) == ({"interruption"}, 21600)


def test_fleets_are_named_in_three_ways() -> None:
    assert spec(TASK + "fleets: [a, main/b, {project: main, name: c}, {name: d}]").fleets == (
        "a",
        "main/b",
        "main/c",
        "d",
    )


def test_variables_come_as_text_from_a_mapping_or_a_list() -> None:
    environment = {"TOKEN": "secret"}
    as_mapping = spec(TASK + "env: {A: 1.10, B: yes, C: 010, D: true, TOKEN: }", environment=environment)
    assert as_mapping.env == {"A": "1.10", "B": "yes", "C": "010", "D": "true", "TOKEN": "secret"}
    as_list = spec(TASK + "env: [A=x=y, TOKEN, EMPTY=]", environment=environment)
    assert as_list.env == {"A": "x=y", "TOKEN": "secret", "EMPTY": ""}


@pytest.mark.parametrize("text", ["12e5", "0E0", ".5e3", "1_000", "0x1F", "010", "12:30", "2026-01-01", "on", ".inf"])
def test_what_only_looks_like_a_number_is_text(text: str) -> None:
    assert spec(TASK + f"repos: [{{url: x, hash: {text}}}]\n").repos[0].hash == text


@pytest.mark.parametrize("text", ["1", "1.5", "1.", ".5", "1.0e+1", "1.5E-1"])
def test_numbers_are_numbers(text: str) -> None:
    assert spec(TASK + f"max_price: {text}\n").max_price == float(text)


def test_the_variables_that_are_only_named_are_found_before_all_else() -> None:
    text = "env: {A: 1, B: }\n---\nenv: [C, D=1]\n---\nenv: [B]"
    assert named_environment(text) == ("B", "C")
    assert named_environment("env: [") == ()
    assert named_environment("nodes: 3") == ()


def test_documents_without_a_name_get_one_from_the_file() -> None:
    def names(text: str, name: str) -> list[str]:
        return [document.name for document in parsed(text, name).documents]

    bare = "type: task\ncommands: [a]\n"
    assert names(bare, "jobs/Train_1.atoll.yml") == ["train-1"]
    assert names(bare, ".dstack.yml") == ["task"]
    assert names(bare, "123.yml") == ["task"]
    assert names(bare + "---\ntype: fleet\nnodes: 1\n", "train.dstack.yml") == ["train-task", "train-fleet"]
    assert names(bare + "---\n" + bare, "train.yml") == ["train-task", "train-task-2"]
    assert names(bare + "---\n" + bare + "name: train\n", "train.yml") == ["train-2", "train"]


def test_a_document_knows_its_kind_and_its_places() -> None:
    document = parsed("\ntype: task\ncommands:\n  - first\n  - second\n").documents[0]
    assert (document.kind, document.type, document.file) == ("run", "task", "train.atoll.yml")
    second, key = document.span(("commands", 1)), document.span(("commands",), key=True)
    assert second is not None
    assert key is not None
    assert (second.line, second.column, second.end_column) == (5, 5, 11)
    assert (key.line, key.column, key.end_column) == (3, 1, 9)
    assert document.span(("resources", "cpu", "count")) == document.span(())


def test_merges_and_aliases_are_followed() -> None:
    text = "env: &env {A: '1', B: '2'}\ntype: task\ncommands: &c [x]\nsetup: *c\n---\n"
    document = parsed(text + "type: task\nname: u\ncommands: [x]\nenv:\n  <<: {A: '1', B: '2'}\n  B: '3'\n")
    assert document.documents[0].to_json()["setup"] == ["x"]
    assert document.documents[1].to_json()["env"] == {"A": "1", "B": "3"}


def test_a_run_takes_from_the_profile_what_it_does_not_set() -> None:
    profiles = SourceFile(
        "profiles.yml",
        "profiles:\n- {name: spot, spot_policy: spot, max_price: 2}\n- {name: std, default: true, max_price: 1}",
    )
    assert spec(TASK, profiles=profiles).max_price == 1
    chosen = spec(TASK + "max_price: 3\n", profiles=profiles, choices=Choices("spot"))
    assert (chosen.max_price, chosen.spot_policy) == (3, "spot")
    assert spec(FLEET, profiles=profiles).max_price is None
    missing = parse([SourceFile("t.yml", TASK)], profiles=profiles, choices=Choices("spto"))
    assert [found.message for found in missing.diagnostics] == ["there is no profile `spto`"]


def test_a_fault_in_a_profile_is_shown_in_its_own_file() -> None:
    profiles = SourceFile("profiles.yml", "profiles:\n- name: a\n  max_prise: 2\n")
    (found,) = parse([SourceFile("t.yml", TASK)], profiles=profiles).diagnostics
    assert found.span is not None
    assert (found.code, found.span.file, found.span.line) == ("unknown-key", "profiles.yml", 3)


@pytest.mark.parametrize(
    "text",
    [
        "type: service\nport: 8000\nname: s\ncommands: [a]\nreplicas: 0..4\nscaling: {metric: rps, target: 10}\n",
        "type: dev-environment\nname: d\nide: vscode\npython: 3.12\n",
        "type: gateway\nname: g\nbackend: aws\nregion: us-east-1\ndomain: example.com\n",
    ],
)
def test_types_that_cannot_be_applied_yet_are_checked_and_reported_once(text: str) -> None:
    result = parsed(text)
    assert [(found.code, found.severity) for found in result.diagnostics] == [("not-acted-on", "warning")]


def test_a_saved_spec_is_loaded_as_the_same() -> None:
    text = TASK + (
        "env: [A=1]\nvolumes: ['a:/a', '/b:/c']\nretry: true\nmax_duration: off\nstop_duration: 90s\nnodes: 2\n"
        "resources: {cpu: 'arm:4..', gpu: {name: A100, compute_capability: 8.0}, memory: ..512MB}\n"
        "ports: [80, '8000:80']\nfleets: [{name: a}]\n"
    )
    document = parsed(text).documents[0]
    saved = document.to_json()
    assert spec_from_json("task", saved) == document.spec
    assert spec_from_json("task", saved).model_dump(mode="json", by_alias=True, exclude_unset=True) == saved
    with pytest.raises(ValueError, match="no type"):
        spec_from_json("tsk", {})


def test_every_type_has_its_model() -> None:
    for name, model in MODELS.items():
        assert model.model_fields["type"].annotation.__args__ == (name,)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ("region", 1)),
        ("placement: cluster", ("cluster", 1)),
        ("placement: any", ("any", 1)),
        ("placement: {strategy: spread, max_skew: 2}", ("spread", 2)),
    ],
)
def test_the_placement_of_a_task_is_a_strategy_or_a_mapping(written: str, expected: tuple[str, int]) -> None:
    placement = spec(f"{TASK}nodes: 4\n{written}\n").placement
    assert (placement.strategy, placement.max_skew) == expected


@pytest.mark.parametrize(
    "written",
    [
        "placement: zone",
        "placement: {strategy: cluster, max_skew: 2}",
        "placement: {strategy: spread, survive_zones: 1}",
    ],
)
def test_a_placement_that_a_task_cannot_have_is_refused(written: str) -> None:
    assert not parse([SourceFile("t.atoll.yml", f"{TASK}nodes: 4\n{written}\n")]).ok
