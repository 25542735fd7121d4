"""The benchmarks: `make bench` runs them all and prints each measure beside its target.

A benchmark is a module of this package with a function `measures() -> Iterable[Measure]` and its method in its
docstring, whose first line is the heading of its table. Nothing else has to be registered.
"""
