"""The words of Atoll as frozen types; every other package speaks them, and this one imports none of those."""
