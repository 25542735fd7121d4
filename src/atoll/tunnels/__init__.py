"""Byte streams to machines: a Unix socket of this machine, or one of a host over its kept SSH connection."""
