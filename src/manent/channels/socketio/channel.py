"""The Socket.IO channel of one server process: the interface that `server/app.py` uses."""

import asyncio
from collections.abc import Sequence
from typing import Any

import socketio

from manent.channels.socketio.connection import Connection
from manent.channels.socketio.options import CHANNEL, SocketIoOptions
from manent.channels.socketio.server import SocketIoServer
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Identity
from manent.runtime.protocol1 import Sessions

DRAIN_S = 0.02
"""Pause between two checks of the send queues."""


class SocketIoChannel:
    """The channel of one server process."""

    name = CHANNEL

    def __init__(
        self, options: SocketIoOptions, conversations: Conversations, identity: Identity, *, cors: Sequence[str] = ()
    ) -> None:
        self.options = options
        self.conversations = conversations
        self.sessions = Sessions(conversations, identity)
        self.server = SocketIoServer(self.sessions, options, cors=cors)

    @property
    def identity(self) -> Identity:
        """The sessions of protocol 1. Sessions over HTTP use the same object."""
        return self.sessions.identity

    @identity.setter
    def identity(self, identity: Identity) -> None:
        self.sessions.identity = identity

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections of the sockets that were accepted."""
        return tuple(self.server.connections.values())

    def app(self, other: Any) -> Any:
        """Return an ASGI application that serves the path of Socket.IO and passes all other requests to `other`."""
        return socketio.ASGIApp(self.server, other, socketio_path=self.options.socketio_path)

    def close_revoked(self) -> None:
        """Close the sockets whose tokens are no longer valid. This is called after new revocations."""
        for connection in self.connections:
            connection.end_if_refused()

    async def flush(self, within_s: float) -> None:
        """Wait until the queued packets of all sockets are sent, but at most this many seconds."""
        for _ in range(round(within_s / DRAIN_S)):
            if all(connection.send_queue.is_empty for connection in self.connections):
                return
            await asyncio.sleep(DRAIN_S)
