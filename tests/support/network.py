"""A TCP proxy between a program and a server, which adds a delay, counts round trips and can drop all traffic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from support.listening import stop_accepting

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Network:
    """Forwards each connection to a server.

    Args:
        connect: function that opens a connection to the server.
        round_trip_s: additional time of a request and its response, in seconds.

    Attributes:
        port: the port to connect to instead of the server's.
        round_trips: number of times that a connection sent data after it had received data.
        connections: number of accepted connections.
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]], *, round_trip_s: float = 0.0) -> None:
        self._connect = connect
        self._delay_s = round_trip_s / 2
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._muted: list[asyncio.StreamWriter] = []
        self._writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        self.round_trips = 0
        self.connections = 0

    async def open(self, port: int = 0) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Drop all connections."""
        if self._server is not None:
            await stop_accepting(*self._server.sockets)
            self._server.close()
        tasks = list(self._writers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._muted:
            writer.close()

    def silence(self) -> None:
        """Stop forwarding without closing connections, as if the cable were cut. New connections get no response."""
        self._flows.clear()

    def resume(self) -> None:
        """Forward again, but only for new connections.

        Connections from before or during the silence stay silent, as after a change of the route.
        """
        for task, writer in self._writers.items():
            self._muted.append(writer)
            task.cancel()
        self._flows.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers[asyncio.create_task(self._serve(reader, writer))] = writer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._flows.wait()
            above_reader, above = await self._connect()
            last = ["down"]
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, above, "up", last))
                    group.create_task(self._pump(above_reader, writer, "down", last))
            finally:
                above.close()
        except* (OSError, EOFError):
            pass
        finally:
            self._writers.pop(cast("asyncio.Task[None]", asyncio.current_task()))
            if writer not in self._muted:
                writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str, last: list[str]
    ) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(due - loop.time())
                await self._flows.wait()
                writer.write(data)
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            delivering = group.create_task(deliver())
            while data := await reader.read(65536):
                if direction == "up" and last[0] == "down":
                    self.round_trips += 1
                last[0] = direction
                waiting.put_nowait((loop.time() + self._delay_s, data))
            delivering.cancel()
        raise EOFError


@asynccontextmanager
async def network_to(socket: Path, *, round_trip_s: float = 0.0) -> AsyncIterator[Network]:
    """Start a proxy to a server that listens on a Unix socket."""
    network = Network(lambda: asyncio.open_unix_connection(socket), round_trip_s=round_trip_s)
    await network.open()
    try:
        yield network
    finally:
        with contextlib.suppress(TimeoutError):
            await network.close()
