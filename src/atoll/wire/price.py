"""A price as it crosses a process boundary."""

Price = float | None
"""USD an hour; null where a provider offers something and does not say its price, and of a sum with such a part."""
