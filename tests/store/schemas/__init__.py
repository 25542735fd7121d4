"""Databases of every released schema, as SQL text with rows in every table, one file for each kind of database.

`python -m tests.store.schemas` writes those of the newest schema, where they are not there yet. A file of a released
schema is never written again: it is what users have.
"""
