"""What waits for what: each state that something else ends, the states that end it, how long it lasts and how it ends.

Every state that waits looks at its own condition within a bounded time, so that a lost wake-up costs a delay and never
a resource; handlers are held to that bound. `WAITS` has no circle, which a test shows: whatever waits, at the end of
the chain something waits for nothing but its provider, its job, a user or the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CHANGING_SECONDS = 30.0
"""How often a state that is about to change looks at its own condition."""
STEADY_SECONDS = 300.0
"""How often a state that may last looks at its own condition."""
PART = "part"
"""In the place of seconds: a part of another state of the record, which has the bound."""
WOKEN = "woken"
"""In the place of seconds: another record looks, and wakes this one."""

Node = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How one state waits: it looks by itself at least every `looks` seconds, and `ends` says when it is over.

    `needs` are the states of others that it waits for.
    """

    ends: str
    looks: float | str
    needs: tuple[Node, ...] = ()


_CLOSED: tuple[Node, ...] = (("closure", "active"), ("closure", "emptying"), ("closure", "empty"))

WAITS: Mapping[Node, Waiting] = {
    ("fleet", "active"): Waiting(
        "nodes are there; without them after `retry.duration` (unset: never), then on hold until it is applied again",
        STEADY_SECONDS,
    ),
    ("fleet", "deleting"): Waiting("its last instance is gone", CHANGING_SECONDS, (("instance", "ending"),)),
    ("instance", "pending"): Waiting("those whose place it takes are gone", 1.0, (("instance", "ending"),)),
    ("instance", "launching"): Waiting("the provider answers; at most the backend's time to start", STEADY_SECONDS),
    ("instance", "starting"): Waiting("its agent answers; at most the backend's time to start", 5.0),
    ("instance", "active"): Waiting(
        "its idle time is over, its agent is silent for too long, or a user ends it", 300.0
    ),
    ("instance", "ending"): Waiting(
        "its job is over; a user may stop the run", PART, (("job", "running"), ("job", "stopping"))
    ),
    ("instance", "outdated"): Waiting(
        "its successor is active and its job is over",
        PART,
        (("instance", "pending"), ("instance", "starting"), ("job", "running")),
    ),
    ("instance", "terminating"): Waiting("the provider says that the machine is gone", 5.0),
    ("volume", "submitted"): Waiting(
        "a zone is found, or the first run that uses it brings one", STEADY_SECONDS, (("run", "submitted"),)
    ),
    ("volume", "creating"): Waiting("the provider has created the disk, or refuses it", STEADY_SECONDS),
    ("volume", "available"): Waiting("a user deletes it", 1.0),
    ("volume", "failed"): Waiting("a user deletes it, or applies it again", 1.0),
    ("volume", "ending"): Waiting(
        "no instance holds it", PART, (("attachment", "attached"), ("attachment", "detaching"))
    ),
    ("volume", "deleting"): Waiting("the provider has deleted the disk", STEADY_SECONDS),
    ("attachment", "attaching"): Waiting(
        "the volume is free and the instance active, or its job is over",
        5.0,
        (("volume", "creating"), ("attachment", "detaching"), ("instance", "starting")),
    ),
    ("attachment", "attached"): Waiting("its job is over", STEADY_SECONDS, (("job", "running"), ("job", "stopping"))),
    ("attachment", "detaching"): Waiting("the provider has detached the disk, or the machine is gone", STEADY_SECONDS),
    ("run", "submitted"): Waiting(
        "it has a place: offers, quota, a zone that opens; at most `retry.duration`, and a user may stop it",
        STEADY_SECONDS,
        (("run", "replaced"), ("job", "stopping"), *_CLOSED),
    ),
    ("run", "provisioning"): Waiting(
        "its jobs run; each instance has its time to start", STEADY_SECONDS, (("job", "placed"), ("job", "starting"))
    ),
    ("run", "running"): Waiting(
        "its jobs are over; at most `max_duration`", STEADY_SECONDS, (("job", "placed"), ("job", "running"))
    ),
    ("run", "stopping"): Waiting(
        "its jobs are over; `stop_duration`, then they are killed",
        CHANGING_SECONDS,
        (("job", "stopping"), ("job", "placed")),
    ),
    ("run", "replaced"): Waiting("its jobs have stopped", PART, (("job", "stopping"),)),
    ("job", "submitted"): Waiting("its run is placed or stopped", WOKEN, (("run", "submitted"),)),
    ("job", "placed"): Waiting(
        "the instances of its run are active and its volumes attached, or it is placed again",
        CHANGING_SECONDS,
        (
            ("instance", "pending"),
            ("instance", "starting"),
            ("attachment", "attaching"),
            ("run", "replaced"),
            ("job", "stopping"),
        ),
    ),
    ("job", "starting"): Waiting("its agent has started it, or the agent is silent for too long", STEADY_SECONDS),
    ("job", "running"): Waiting("it exits; at most `max_duration`, and a user may stop it", STEADY_SECONDS),
    ("job", "stopping"): Waiting("it has exited; killed after its grace", STEADY_SECONDS),
    ("closure", "active"): Waiting("its end, or `atoll zone open`", STEADY_SECONDS),
    ("closure", "emptying"): Waiting(
        "nothing is left in the zone; an evacuation stops the rest at its deadline, and the end of the closure ends it",
        2.0,
        (
            ("instance", "outdated"),
            ("instance", "ending"),
            ("instance", "terminating"),
            ("attachment", "detaching"),
            ("job", "running"),
        ),
    ),
    ("closure", "empty"): Waiting("its end, or `atoll zone open`", STEADY_SECONDS),
    ("retention", "old"): Waiting(
        "no record names it",
        PART,
        (
            ("run", "submitted"),
            ("job", "running"),
            ("job", "stopping"),
            ("attachment", "detaching"),
            ("instance", "ending"),
            *_CLOSED,
        ),
    ),
}
"""For each state that is not final, and for the parts of states that others wait for.

`ending` is an active instance that is to end, or a volume that is to be deleted while instances hold it; `outdated` an
active instance that ends after its successor is active, and `old` history that records still name: nothing waits for
its deletion. `replaced` is a run that another one follows.
"""


def bounded(kind: str, state: str, seconds: float) -> float:
    """The seconds after which a record of this state looks again, bounded by its row. Raises KeyError without one."""
    looks = WAITS[kind, state].looks
    return min(seconds, looks) if isinstance(looks, float) else seconds
