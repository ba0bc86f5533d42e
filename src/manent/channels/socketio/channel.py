"""The Socket.IO channel of one server process: the interface that `server/app.py` uses."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import socketio
from starlette.routing import BaseRoute

from manent.channels.socketio.connection import Connection
from manent.channels.socketio.options import CHANNEL, SocketIoOptions
from manent.channels.socketio.server import SocketIoServer
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Identity
from manent.runtime.protocol1 import Sessions

DRAIN_S = 0.02
"""Pause between two checks of the send queues."""

CLOSE_WITHIN_S = 0.5
"""Number of seconds that a client has to close its socket after the server requests it."""


class SocketIoChannel:
    """The channel of one server process.

    `opening.py` creates it in every server, even without a section in `credentials.yml`: the hosted web chat needs it,
    and its identity options apply to the whole server.
    """

    name = CHANNEL
    options = SocketIoOptions

    def __init__(
        self, configured: SocketIoOptions, conversations: Conversations, identity: Identity, *, cors: Sequence[str] = ()
    ) -> None:
        self.configured = configured
        self.conversations = conversations
        self.sessions = Sessions(conversations, identity)
        self.server = SocketIoServer(self.sessions, configured, cors=cors)

    @property
    def identity(self) -> Identity:
        """The sessions of protocol 1. The HTTP API for sessions uses the same object."""
        return self.sessions.identity

    @identity.setter
    def identity(self, identity: Identity) -> None:
        self.sessions.identity = identity

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections of the accepted sockets."""
        return tuple(self.server.connections.values())

    def app(self, other: Any) -> Any:
        """Return an ASGI application that serves the socket path and passes everything else to `other`."""
        return socketio.ASGIApp(self.server, other, socketio_path=self.configured.socketio_path)

    def routes(self, _: object) -> list[BaseRoute]:
        """Return no routes: `app` serves the sockets."""
        return []

    async def open(self) -> None:
        """Do nothing, because clients open the sockets."""

    async def close(self) -> None:
        """Close the HTTP connections to the servers that publish keys for JSON web tokens."""
        if self.identity.verifier is not None:
            await self.identity.verifier.keys.close()

    def close_revoked(self) -> None:
        """Close the sockets whose tokens are no longer valid. `Revocations` calls this after tokens were revoked."""
        for connection in self.connections:
            connection.end_if_refused()

    async def move_plain_clients(self, within_s: float) -> None:
        """Make each plain client connect to another server as soon as its turn is over and its replies have arrived.

        Plain clients do not send a rejected message again, so they must leave before this server rejects messages.
        Clients of protocol 1 stay, because they send a rejected message again to another server. If a turn takes longer
        than `within_s` and session persistence is on, the plain client leaves anyway, and the other server sends it the
        reply.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        ended: dict[Connection, float] = {}
        while staying := [one for one in self._plain_connections() if ended.get(one, math.inf) > loop.time()]:
            is_over = loop.time() >= until
            for connection in staying:
                is_done = connection.is_idle and connection.dialect.is_settled()
                if connection not in ended and (is_done or (is_over and self.configured.session_persistence)):
                    connection.send_queue.end()
                    ended[connection] = loop.time() + CLOSE_WITHIN_S
            if loop.time() >= until + CLOSE_WITHIN_S:
                return
            await asyncio.sleep(DRAIN_S)

    def _plain_connections(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.dialect.protocol == 0]

    async def flush(self, within_s: float) -> None:
        """Wait until the queued packets of all sockets are sent, or until `within_s` seconds have passed."""
        for _ in range(round(within_s / DRAIN_S)):
            if all(connection.send_queue.is_empty for connection in self.connections):
                return
            await asyncio.sleep(DRAIN_S)
