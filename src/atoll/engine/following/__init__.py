"""Collects what running jobs produce, beside the worker: following a job takes no worker slot and holds no lease."""
