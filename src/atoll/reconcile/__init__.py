"""Desired and observed state and the time in, actions out: one module for each kind of record. Pure."""
