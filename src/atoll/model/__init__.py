"""Atoll's vocabulary as frozen types; every other package uses them, and this one imports none of those."""
