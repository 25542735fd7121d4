"""TCP sockets that the server listens on."""

import socket


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to an address; port 0 is any free one. Raises OSError.

    Its protocol is named because asyncio turns Nagle's algorithm off only for sockets that name it: otherwise an answer
    in two pieces waits for the client's delayed acknowledgement, about 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
