"""A WebSocket that sends raw Engine.IO frames, so that a test can break every rule of the protocol."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import websockets


@dataclass
class Raw:
    """One connection."""

    socket: Any

    async def send(self, frame: str | bytes) -> bool:
        """Send a frame; return False if the server has closed the connection."""
        try:
            await self.socket.send(frame)
        except websockets.exceptions.ConnectionClosed:
            return False
        return True

    async def until(self, start: str, *, timeout_s: float = 30) -> str:
        """Read frames until one begins with this text; return it."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self.socket.recv()
                if isinstance(frame, str) and frame.startswith(start):
                    return frame

    async def connect(self) -> None:
        """Connect to the namespace."""
        await self.send("40")
        await self.until("40")


@contextlib.asynccontextmanager
async def raw(url: str, **options: Any) -> AsyncIterator[Raw]:
    """Open a WebSocket to a server's Engine.IO endpoint, without any packet of Socket.IO."""
    url = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    async with websockets.connect(url, max_size=None, compression=None, **options) as socket:
        yield Raw(socket)
