"""Alembic requires this file; migrations run in place through `atoll.store.migrations.upgrade`."""
