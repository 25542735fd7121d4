"""`python -m atoll.server`."""

import gc


def start() -> None:
    """Load the server and run it. Nothing that is loaded is garbage: the collector comes once the server is ready."""
    gc.disable()
    from atoll.server.main import main

    main()


start()
