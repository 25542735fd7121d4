"""Load, decide, apply: composes planning, reconcilers, store and backends into continuous background work."""
