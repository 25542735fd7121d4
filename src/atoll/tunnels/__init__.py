"""Byte streams to machines: sockets and commands of this machine, or of a host over its kept SSH connection."""
