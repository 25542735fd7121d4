"""Persistence: tables, one repository for each aggregate, migrations."""
