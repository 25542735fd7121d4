"""A server as it is, but for leases of a few seconds: a test of taking over need not wait for the usual ones."""

from datetime import timedelta

from atoll.engine.work import worker
from atoll.server.main import main

worker.LEASE = timedelta(seconds=3)
main()
