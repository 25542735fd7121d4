"""The Prometheus metrics of one engine: its turns of work, and its calls to backends.

A registry of its own for each engine, so that several may live in one process. The server adds its requests to it, and
requests the text.
"""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from atoll.store.queue import Backlog

SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
"""The buckets of what takes a while."""


class Metrics:
    """Counters, gauges and histograms of one engine."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconcile = Histogram(
            "atoll_reconcile_seconds",
            "One turn of work on one thing",
            ("kind", "outcome"),
            registry=self.registry,
            buckets=SECONDS,
        )
        self.turn = cache(self.reconcile.labels)  # one turn's histogram, which is looked up at every turn
        self.leases_lost = Counter(
            "atoll_leases_lost", "Leases lost to another worker", ("kind",), registry=self.registry
        )
        self.calls = Counter(
            "atoll_backend_calls",
            "Calls to backends",
            ("backend", "operation", "zone", "outcome"),
            registry=self.registry,
        )
        self.call = cache(self.calls.labels)
        self.call_seconds = Histogram(
            "atoll_backend_call_seconds",
            "Duration of calls to backends",
            ("backend", "operation"),
            registry=self.registry,
            buckets=SECONDS,
        )
        self.computing = Histogram(
            "atoll_computing_seconds",
            "Duration of reading and planning for a request in a worker process",
            ("outcome",),
            registry=self.registry,
            buckets=SECONDS,
        )
        self.plans_waiting = Gauge("atoll_plans_waiting", "Waits for a plan", ("what",), registry=self.registry)
        self.plans_age = Gauge(
            "atoll_plans_age_seconds", "Waiting time of the longest wait for a plan", ("what",), registry=self.registry
        )
        self._items = Gauge("atoll_queue_items", "Work items in the queue", ("kind",), registry=self.registry)
        self._due = Gauge("atoll_queue_due", "Work items that are due", ("kind",), registry=self.registry)
        self._age = Gauge(
            "atoll_queue_age_seconds",
            "Waiting time of the oldest due item",
            ("kind",),
            registry=self.registry,
        )

    def text(self, backlogs: list[Backlog]) -> bytes:
        """Everything in Prometheus' text format, with the given queue."""
        for gauge in (self._items, self._due, self._age):
            gauge.clear()
        for backlog in backlogs:
            self._items.labels(backlog.kind).set(backlog.items)
            self._due.labels(backlog.kind).set(backlog.due)
            self._age.labels(backlog.kind).set(backlog.age)
        return generate_latest(self.registry)
