"""What a look over a backend concludes."""

from atoll.reconcile.sweep import Found, SweepSight, decide

A, B, C = Found("m-a", "i-a"), Found("m-b", "i-b"), Found("m-c", "i-c")


def test_a_record_whose_machine_is_not_found_is_looked_at() -> None:
    findings = decide(SweepSight([A], {"i-a": "m-a", "i-b": "m-b"}, {"i-a", "i-b"}, set()))
    assert findings.missing == ("i-b",)
    assert not findings.strays
    assert not findings.orphans


def test_a_machine_of_an_ended_record_is_a_stray_and_one_of_none_an_orphan() -> None:
    findings = decide(SweepSight([A, B, C], {"i-a": "m-a"}, {"i-a"}, {"i-b"}))
    assert findings.strays == (B,)
    assert findings.orphans == (C,)


def test_a_machine_of_a_launch_that_was_not_yet_answered_is_wanted() -> None:
    findings = decide(SweepSight([A], {}, {"i-a"}, set()))
    assert findings == type(findings)()
