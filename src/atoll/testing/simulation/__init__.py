"""Seeded storms: engines over one database and one fake cloud, in virtual time, with everything going wrong.

report = run_storm(seed)       # the same seed, the same storm; raises Broken where something went wrong for good
"""

from atoll.testing.simulation.storm import Report, run_storm
from atoll.testing.simulation.watch import Broken

__all__ = ["Broken", "Report", "run_storm"]
