"""Fronts beside the API: each reads through the engine's queries and writes through its requests."""
