"""`python -m atoll.server`."""

import gc


def start() -> None:
    """Load the server and run it. Loading creates no garbage: the collector starts once the server is ready."""
    gc.disable()
    from atoll.server.main import main

    main()


start()
