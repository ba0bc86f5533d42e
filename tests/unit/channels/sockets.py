"""For tests of the Socket.IO channel: a plain page, and an Engine.IO socket without a wire."""

import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import socketio

from manent.channels.socketio.engine_socket import EngineSocket
from manent.channels.socketio.lean_queue import LeanQueue
from support.small_talk import until

PERSISTENT = "socketio:\n  session_persistence: true\n"


class ScriptedSocket(EngineSocket):
    """A socket without a server. With `is_quick` packets skip the queue and land in `sent`."""

    def __init__(self, *, is_quick: bool = False) -> None:
        self.sid = "engine"
        self.queue = LeanQueue()
        self.last_ping: float | None = time.time()
        self.closing = self.closed = False
        self.connected = self.upgraded = self.upgrading = False
        self.received: list[Any] = []
        self.sent: list[str] = []
        self.is_quick = is_quick

    async def receive(self, packet: Any) -> None:
        """Take a packet."""
        self.received.append(packet)

    async def close(self, *, wait: bool = True, abort: bool = False, reason: object = None) -> None:
        """Close."""
        del wait, abort, reason
        self.closed = True

    def queued(self) -> list[str]:
        """Take what waits in the queue, as packets on the wire."""
        packets = []
        while not self.queue.empty():
            packets.append(self.queue.get_nowait().encode())
        return packets

    def events(self, name: str = "bot_uttered") -> list[Any]:
        """The payloads of the events of this name that were sent."""
        decoded = [json.loads(packet[2:]) for packet in self.sent if packet.startswith("42")]
        return [payload for event, payload in decoded if event == name]

    def write_now(self, text: bytes) -> bool:
        """Send at once."""
        if self.is_quick:
            self.sent.append(text.decode())
        return self.is_quick or super().write_now(text)


class Page:
    """A plain page: notes every event it gets."""

    def __init__(self, url: str, http: aiohttp.ClientSession, *, namespace: str = "/") -> None:
        self.url = url
        self.namespace = namespace
        self.events: list[tuple[str, Any]] = []
        self.socket = socketio.AsyncClient(reconnection=False, http_session=http)
        self.socket.on("*", self._note, namespace=namespace)

    async def _note(self, event: str, payload: Any = None) -> None:
        self.events.append((event, payload))

    def got(self, event: str = "bot_uttered") -> list[Any]:
        """The payloads of an event, in order."""
        return [payload for name, payload in self.events if name == event]

    async def emit(self, event: str, payload: Any = None) -> None:
        """Send an event."""
        await self.socket.emit(event, payload, namespace=self.namespace)

    async def say(self, text: str, session_id: Any = "ada", **more: Any) -> None:
        """Send a message as Rasa's clients do."""
        await self.emit("user_uttered", {"message": text, "session_id": session_id, **more})


@contextlib.asynccontextmanager
async def page(url: str, session_id: Any = "ada", *, joins: bool = True, **options: Any) -> AsyncIterator[Page]:
    """A page that has connected and, unless told otherwise, asked for its session."""
    async with aiohttp.ClientSession() as http:
        opened = Page(url, http, namespace=options.pop("namespace", "/"))
        await opened.socket.connect(url, namespaces=[opened.namespace], transports=["websocket"], **options)
        try:
            if joins:
                await opened.emit("session_request", {"session_id": session_id} if session_id is not None else {})
                await until(lambda: bool(opened.got("session_confirm")))
            yield opened
        finally:
            await opened.socket.disconnect()
