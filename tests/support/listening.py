"""Stops the servers of a test without dropping a connection that is just being accepted."""

import asyncio
import socket


async def stop_accepting(*listening: socket.socket) -> None:
    """Accept no more connections, and finish those that are being accepted. Call it before you stop a server.

    Before Python 3.12, a connection that asyncio accepts while the server is being closed stays open, because
    `Server._attach` fails. The garbage collection reports it as a `ResourceWarning` in some later test.
    """
    for one in listening:
        asyncio.get_running_loop().remove_reader(one)
    for _ in range(3):  # asyncio accepts in a task, which waits for the protocol once
        await asyncio.sleep(0)
