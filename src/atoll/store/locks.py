"""The advisory locks that Atoll's servers hold in a shared PostgreSQL, by their numbers."""

EVENTS = 0x61746F6C6C01
"""Held from the insert of events to the commit: their numbers then grow in the order in which they become visible."""
MIGRATION = 0x61746F6C6C02
"""Held by the one server that brings the schema up to date."""
