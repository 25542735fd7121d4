"""Rehearsals: the real planner and engine over a copy of the records, on the fake cloud, in virtual time."""
