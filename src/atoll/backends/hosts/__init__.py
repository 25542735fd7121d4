"""Machines that are hosts: how an agent is started on one over SSH, and kept. Backends of hosts share it."""
