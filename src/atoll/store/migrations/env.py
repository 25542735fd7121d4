"""Alembic asks for this file; migrations run in place through `atoll.store.migrations.upgrade`."""
