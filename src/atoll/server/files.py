"""Keeps the files that clients need: a server whose socket or token was deleted can be reached again."""

import asyncio
import logging
from functools import partial

import uvicorn

from atoll import __version__
from atoll.server.home import Home, private_socket
from atoll.server.webdoor import protocol

CHECK_SECONDS = 1.0
log = logging.getLogger("atoll.server")


async def keep_files(home: Home, address: str, server: uvicorn.Server) -> None:
    """Restore deleted files until cancelled."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            if home.restore(address, __version__):
                log.warning("address=%s the socket was deleted: a new one is opened", address)
                loop = asyncio.get_running_loop()
                server.servers.append(
                    await loop.create_unix_server(partial(protocol, server), sock=private_socket(home.socket))
                )
        except OSError as error:
            log.warning("home=%s files of the server cannot be restored: %s", home.folder, error.strerror)
