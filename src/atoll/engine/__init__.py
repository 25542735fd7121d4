"""Load, decide, apply: composes planning, reconcilers, store and backends into work that goes on by itself."""
