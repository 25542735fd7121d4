"""Snapshot files: the planner's picture of the world as `atoll.wire.snapshot` has it, written and read. Pure."""
