"""What is wrong with files: each code, its place, its words."""

import pytest

from atoll.configuration import SourceFile, parse
from atoll.model.diagnostic import Diagnostic

FLEET = "type: fleet\nname: f\nnodes: 1\n"
TASK = "type: task\nname: t\ncommands: [a]\n"


def findings(text: str) -> tuple[Diagnostic, ...]:
    return parse([SourceFile("f.yml", text)]).diagnostics


def only(text: str) -> Diagnostic:
    (found,) = findings(text)
    return found


def place(found: Diagnostic) -> tuple[int, int, int]:
    assert found.span is not None
    return found.span.line, found.span.column, found.span.end_column


@pytest.mark.parametrize(
    ("text", "code", "where", "words"),
    [
        (FLEET + "placment: any", "unknown-key", (4, 1, 9), "did you mean `placement`?"),
        ("type: task\nimage: i\nsetup: [a]\n", "wrong-value", (3, 8, 11), "before an image's own command"),
        (TASK + "image: i\nentrypoint: e\nsetup: [a]\n", "wrong-value", (6, 8, 11), "before an `entrypoint`"),
        (FLEET + "placement: {strategi: any}", "unknown-key", (4, 13, 21), "did you mean `strategy`?"),
        (FLEET + "placement: clustr", "wrong-value", (4, 12, 18), "expected one of `any`, `cluster`, `spread`"),
        (FLEET + "placement: {max_skew: 2}", "wrong-value", (4, 23, 24), "`strategy: spread`"),
        (FLEET + "placement: {max_share: 40}", "wrong-value", (4, 24, 26), "such as `0.4` or `40%`"),
        (FLEET + "placement: {max_share: 140%}", "wrong-value", (4, 24, 28), "up to 1"),
        (FLEET + "placement: {max_share: 0}", "wrong-value", (4, 24, 25), "above 0"),
        (FLEET + "placement: {max_share: [1]}", "wrong-type", (4, 24, 27), "a part"),
        (FLEET + "placement: {max_zones: 0}", "wrong-value", (4, 24, 25), "from 1 to"),
        (FLEET + "placement: {strategy: cluster, max_zones: 2}", "wrong-value", (4, 43, 44), "in one zone"),
        (
            FLEET + "placement: {strategy: spread, min_zones: 3, max_zones: 2}",
            "wrong-value",
            (4, 56, 57),
            "not to be smaller than `min_zones`",
        ),
        (
            FLEET + "placement: {strategy: spread, survive_zones: 2, max_zones: 2}",
            "wrong-value",
            (4, 46, 47),
            "smaller than `max_zones`",
        ),
        (
            "type: fleet\nname: f\nnodes: 2..10\nplacement: {max_zones: 2, max_share: 0.4}",
            "wrong-value",
            (4, 38, 41),
            "2 zones with at most 4 of 10 nodes each hold fewer",
        ),
        (FLEET + "disruption: {max_unavailable: 120%}", "wrong-value", (4, 31, 35), "a number of nodes"),
        (FLEET + "disruption: {max_unavailable: -1}", "wrong-value", (4, 31, 33), "0 or more"),
        (FLEET + "disruption: {per: 8d}", "wrong-value", (4, 19, 21), "from `1s` to `7d`"),
        (FLEET + "disruption: {at: sundays}", "wrong-value", (4, 18, 25), "such as `0 2 * * 6 for 4h`"),
        (FLEET + "disruption: {at: 0 25 * * * for 4h}", "wrong-value", (4, 18, 35), "Bad hour"),
        (FLEET + "disruption: {at: 0 2 30 2 * for 4h}", "wrong-value", (4, 18, 35), "Bad day-of-month"),
        (FLEET + "disruption: {at: 0 2 * * 6 for 9d}", "wrong-value", (4, 18, 34), "behind `for`"),
        (FLEET + "placement: {rebalance: auto}", "wrong-value", (4, 24, 28), "`manual`, `on-recovery`"),
        (FLEET + "placement: {strategy: cluster, rebalance: manual}", "wrong-value", (4, 43, 49), "in one zone"),
        (FLEET + "disruption: {maximum: 1}", "unknown-key", (4, 14, 21), "`maximum`"),
        (FLEET + "max_price: 0", "wrong-value", (4, 12, 13), "a number above 0"),
        (FLEET + "max_price: .inf", "wrong-type", (4, 12, 16), "a number"),
        (FLEET + "max_price: 1.e+999", "wrong-value", (4, 12, 19), "a finite number"),
        (FLEET + "blocks: many", "wrong-type", (4, 9, 13), "a whole number"),
        (FLEET + "regions: us-east-1", "wrong-type", (4, 10, 19), "a list"),
        (FLEET + "regions: [[3]]", "wrong-type", (4, 11, 14), "text"),
        (FLEET + "resources: {memory: 8XB}", "wrong-value", (4, 21, 24), "a size such as"),
        (FLEET + "resources: {cpu: 8..4}", "wrong-value", (4, 18, 22), "first bound is the smaller"),
        (FLEET + "resources: {gpu: 'H100:A100'}", "wrong-value", (4, 18, 29), "each of vendor, name"),
        (FLEET + "idle_duration: 1y", "wrong-value", (4, 16, 18), "a duration such as"),
        (TASK + "retry: {on_events: [eror]}", "wrong-value", (4, 21, 25), "`no-capacity`"),
        (TASK + "nodes: true", "wrong-type", (4, 8, 12), "a whole number"),
        (TASK + "nodes: 0", "wrong-value", (4, 8, 9), "from 1 to"),
        (TASK + "volumes: ['a']", "wrong-value", (4, 11, 14), "a mount such as"),
        (TASK + "volumes: [{name: a}]", "missing-key", (4, 11, 20), "`path` is missing"),
        (TASK + "volumes: [{name: a, path: b}]", "wrong-value", (4, 27, 28), "begins with `/`"),
        (TASK + "volumes: ['${{ run.x }}:/a']", "bad-name", (4, 11, 28), "node_rank"),
        (TASK + "env: {'1A': x}", "wrong-value", (4, 13, 14), "the name of a variable"),
        ("type: volume\nname: v\nbackend: local\n", "missing-key", (1, 1, 2), "add `size: 100GB`"),
        ("name: x\nnodes: 1", "missing-key", (1, 1, 5), "`type` is missing"),
        ("type: tsk", "unknown-type", (1, 7, 10), "did you mean `task`?"),
        ("[a]", "wrong-type", (1, 1, 4), "a mapping of keys"),
        ("3", "wrong-type", (1, 1, 2), "a mapping of keys"),
        ("type: fleet\n\tnodes: 1", "not-yaml", (2, 1, 2), "indent with spaces"),
        ("type: fleet\nnodes: [1", "not-yaml", (2, 8, 9), "check quotes"),
        ("a: *b", "not-yaml", (1, 4, 6), "no anchor"),
        ("a: \x07", "not-yaml", (1, 4, 5), "U+0007"),
        ("<<: 3\ntype: fleet", "not-yaml", (1, 5, 6), "a mapping or a list"),
        ("? [a]\n: b", "not-yaml", (1, 3, 6), "a key must be text"),
        (FLEET + "regions: !!binary aGk=", "not-yaml", (4, 10, 23), "leave the tag out"),
        (FLEET + "max_price: " + "9" * 65, "wrong-value", (4, 12, 77), "64 digits"),
    ],
)
def test_a_fault_is_reported_at_its_place(text: str, code: str, where: tuple[int, int, int], words: str) -> None:
    found = only(text)
    assert found.code == code, found
    line, column, end = place(found)
    assert (line, column) == where[:2]
    if code != "missing-key":
        assert end == where[2]
    assert words in f"{found.message} {found.help}"


def test_all_faults_of_a_file_are_reported_at_once_in_its_order() -> None:
    text = "type: fleet\nnodes: x\nfoo: 1\n---\ntype: task\n---\ntype: volume\n"
    assert [(found.code, place(found)[0]) for found in findings(text)] == [
        ("wrong-value", 2), ("unknown-key", 3), ("missing-key", 5), ("missing-key", 7), ("missing-key", 7),
    ]  # fmt: skip


def test_a_file_over_a_mebibyte_is_not_read() -> None:
    assert only("# " + "x" * 1024 * 1024).code == "file-too-large"
    assert only("# " + "é" * 600 * 1024).code == "file-too-large"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "a: " + "{a: " * 5000,
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 80)),
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)),
        "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 30)),
    ],
)
def test_bombs_are_refused_quickly(text: str) -> None:
    assert only(text).code == "too-deep"


def test_names_are_unique_within_a_kind_over_all_files() -> None:
    first, second = SourceFile("a.yml", TASK), SourceFile("b.yml", TASK + "---\n" + FLEET.replace("name: f", "name: t"))
    (found,) = parse([first, second]).diagnostics
    assert (found.code, found.span and found.span.file, found.notes) == (
        "duplicate-name",
        "b.yml",
        ("the first is at a.yml:2",),
    )


def test_keys_without_effect_are_reported_unless_they_have_the_default() -> None:
    assert findings(TASK + "home_dir: /root\nprivileged: false\n") == ()
    found = only(TASK + "docker: true\n")
    assert (found.code, found.severity, place(found)) == ("not-acted-on", "warning", (4, 1, 7))


def test_the_rest_of_a_submission_is_read_when_one_document_is_wrong() -> None:
    result = parse([SourceFile("f.yml", "type: fleet\n---\n" + TASK)])
    assert not result.ok
    assert [document.name for document in result.documents] == ["t"]
