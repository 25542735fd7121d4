"""`python -m atoll.server`."""

from atoll.server.main import main

main()
