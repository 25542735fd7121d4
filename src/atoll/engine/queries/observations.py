"""What was observed of launches lately: by instance type in one zone, and the launch times of all zones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import median

from atoll.engine.context import Context
from atoll.model.observation import Observation, Outcome
from atoll.model.zone import Zone
from atoll.wire.api import ObservedView

LATELY = timedelta(days=7)
MOST = 5000
"""How many observations are read at most, the latest."""


async def observed_in(context: Context, zone: Zone) -> tuple[ObservedView, ...]:
    """What became of the launches in a zone in the last seven days, by instance type and market."""
    async with context.database.read() as tx:
        found = await tx.observations.of_zone(zone, tx.now - LATELY, MOST)
    by_offer: dict[tuple[str, str], list[Observation]] = {}
    for observation in found:
        by_offer.setdefault((observation.instance_type, observation.market), []).append(observation)
    return tuple(_summary(by_offer[offer]) for offer in sorted(by_offer))


async def launch_seconds(context: Context, since: timedelta = LATELY) -> Mapping[tuple[Zone, str], tuple[float, ...]]:
    """The seconds from attempt to active of recent launches, by zone and instance type, the latest launch first."""
    async with context.database.read() as tx:
        launched = await tx.observations.launched(tx.now - since, MOST)
    samples: dict[tuple[Zone, str], list[float]] = {}
    for observation in launched:
        if observation.seconds is not None:
            samples.setdefault((observation.zone, observation.instance_type), []).append(observation.seconds)
    return {offer: tuple(seconds) for offer, seconds in samples.items()}


def _summary(observations: Sequence[Observation]) -> ObservedView:
    """The counts of one offer's observations, which are the latest first."""
    counts = Counter(observation.outcome for observation in observations)
    seconds = [o.seconds for o in observations if o.outcome is Outcome.LAUNCHED and o.seconds is not None]
    refusal = next((o for o in observations if o.outcome is Outcome.REFUSED), None)
    return ObservedView(
        observations[0].instance_type,
        observations[0].market,
        counts[Outcome.ATTEMPT],
        counts[Outcome.LAUNCHED],
        counts[Outcome.REFUSED],
        counts[Outcome.INTERRUPTED],
        median(seconds) if seconds else None,
        None if refusal is None else refusal.at,
        "" if refusal is None else refusal.reason,
    )
