"""The shapes of the HTTP API about rebalancing a fleet.

POST   /api/projects/P/fleets/NAME/rebalance/preview <- NewRebalance -> RebalanceView   changes nothing
POST   /api/projects/P/fleets/NAME/rebalance         <- NewRebalance -> RebalanceView   (409 being-rebalanced,
                                                        not-rebalanced, changed-since-shown)
DELETE /api/projects/P/fleets/NAME/rebalance         -> FleetView                       ends it: the rest stays
"""

from dataclasses import dataclass, field

from atoll.wire.price import Price


@dataclass(frozen=True, slots=True)
class NewRebalance:
    """A rebalance of a fleet: of `busy` nodes, too, and of at most `max_moves`.

    With `agreed` it is refused where it would replace other instances (names) than these.
    """

    busy: bool = False
    max_moves: int | None = None
    agreed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RebalanceView:
    """What a rebalance does.

    `code` is `moves`, or why nothing moves: `balanced`, `settling`, `busy`, `limit`, `no-place` or `out-of-reach`.
    Instances (names) `leaving` are replaced in `zones`; `before` and `after` count the fleet's nodes by zone. `price`
    is that of the new nodes, `difference` what the fleet costs more afterwards, in USD an hour. `needed` is how many
    nodes would have to move, `message` why zones take none, `pace` what disruption budgets make of it.
    """

    fleet: str
    code: str
    leaving: tuple[str, ...] = ()
    zones: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    price: Price = 0
    difference: Price = 0
    needed: int = 0
    message: str = ""
    pace: str = ""
