"""What waits for what: each state that something else ends, the states that end it, and how often it looks by itself.

A wake-up that is lost then costs a delay and never a resource. `CONDITIONS` has no circle, which a test shows: whatever
waits, there is something at the end of the chain that waits for nothing but its provider or its job.
"""

from collections.abc import Mapping

CHANGING_SECONDS = 30.0
"""How often a state that is about to change looks at its own condition."""
STEADY_SECONDS = 300.0
"""How often a state that may last looks at its own condition."""

Node = tuple[str, str]

CONDITIONS: Mapping[Node, tuple[Node, ...]] = {
    ("run", "submitted"): (("run", "replaced"), ("job", "stopping")),
    ("run", "provisioning"): (("job", "placed"), ("job", "starting")),
    ("run", "running"): (("job", "placed"), ("job", "running")),
    ("run", "stopping"): (("job", "stopping"), ("job", "placed")),
    ("run", "replaced"): (("job", "stopping"),),
    ("job", "placed"): (
        ("instance", "pending"),
        ("instance", "starting"),
        ("attachment", "attaching"),
        ("run", "replaced"),
        ("job", "stopping"),
    ),
    ("instance", "pending"): (("instance", "ending"),),
    ("fleet", "deleting"): (("instance", "ending"),),
    ("instance", "ending"): (("job", "running"), ("job", "stopping")),
    ("instance", "outdated"): (("instance", "pending"), ("instance", "starting"), ("job", "running")),
    ("retention", "old"): (
        ("run", "submitted"),
        ("job", "running"),
        ("job", "stopping"),
        ("attachment", "detaching"),
        ("instance", "ending"),
    ),
    ("attachment", "attaching"): (("volume", "creating"), ("attachment", "detaching"), ("instance", "starting")),
    ("attachment", "attached"): (("job", "running"), ("job", "stopping")),
    ("volume", "deleting"): (("attachment", "attached"), ("attachment", "detaching")),
    # These wait for a provider or for the job itself, within limits of their own.
    ("instance", "starting"): (),
    ("job", "starting"): (),
    ("job", "running"): (),
    ("job", "stopping"): (),
    ("attachment", "detaching"): (),
    ("volume", "creating"): (),
}
"""For each state that waits, the states of others that it waits for.

`ending` is an active instance that is to end, `outdated` an active one that ends after its successor is active, and
`old` history that records still name: nothing waits for its deletion. `replaced` is a run that another one follows,
`placed` a job whose instance is not to end: else it is placed again.
"""
