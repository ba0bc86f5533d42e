"""The Socket.IO channel: plain Rasa clients and protocol 1 on one server.

python-socketio speaks the transport; what comes after it is ours: each socket that is let in gets a `Connection`
(`socketio/connection.py`), which takes its requests and sends it what it is to see. Rooms are not used: a conversation
knows its subscribers (a client-chosen string is never a room's name, and a session id may equal a socket id).
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import socketio

from manent.channels.socketio.connection import Connection
from manent.channels.socketio.heartbeat import Heartbeat, watch
from manent.channels.socketio.send_queue import MAX_PACKET, encode
from manent.channels.socketio.websocket import WebSocket
from manent.core.errors import Problem, ProjectError, RequestError
from manent.core.events import Json
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Caller, Identity
from manent.runtime.json_depth import is_too_deep
from manent.runtime.protocol1 import (
    Sessions,
    refusal,
)
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note

log = logging.getLogger("manent.socketio")

CONNECT_WITHIN_S = 45.0
"""In which a socket has to have joined the namespace, and been let in; otherwise it only costs us memory."""

DRAIN_S = 0.02
"""Pause while sockets take what they were sent."""

LONGEST_ACK = 19
"""Digits of an acknowledgement's number that is taken without a closer look."""

_ASKED = re.compile(r"2(?:/[^,\[]*,)?(\d{1,18})\[")
"""How the packet of an event begins that an acknowledgement was asked for; its number."""

_BINARY = ("5", "6")
"""Socket.IO's packets that say how many binary ones follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIoOptions:
    """The `socketio:` section of `credentials.yml`."""

    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    namespace: str = "/"
    session_persistence: bool = False
    socketio_path: str = "/socket.io"
    metadata_key: str = "metadata"


def read_options(section: Json, file: str = "credentials.yml") -> SocketIoOptions:
    """Read the section; unknown keys are left alone, as Rasa does.

    Raises:
        ProjectError: a value of the wrong type.
    """
    known = {key: value for key, value in section.items() if key in SocketIoOptions.__slots__ and value is not None}
    try:
        return msgspec.convert(known, SocketIoOptions)
    except msgspec.ValidationError as error:
        problem = Problem(
            file=file,
            line=0,
            path="socketio",
            code="credentials.socketio",
            found=str(error),
            expected="the options of docs/protocol.md",
        )
        raise ProjectError([problem]) from error


class SocketIoChannel:
    """The channel of one server process. `app` wraps another ASGI application."""

    name = "socketio"

    def __init__(
        self, options: SocketIoOptions, conversations: Conversations, identity: Identity, *, cors: Sequence[str] = ()
    ) -> None:
        self.options = options
        self.conversations = conversations
        self.identity = identity
        self.sessions = Sessions(conversations, identity)
        self.cors = tuple(cors)
        self.connections: dict[str, Connection] = {}
        self.server = _Server(self)
        self._refused: set[str] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def app(self, other: Any) -> Any:
        """Return an ASGI application that serves the socket path itself and hands the rest on."""
        return socketio.ASGIApp(self.server, other, socketio_path=self.options.socketio_path)

    async def authenticate(self, auth: Any, environ: Json) -> Caller:
        """Find out who connects: the token is in the `auth` payload, or in the `Authorization` header.

        Raises:
            RequestError: see `Identity.authenticate`.
        """
        token = auth.get("token") if isinstance(auth, dict) else None
        if token is None:
            scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            token = given.strip() if scheme.lower() == "bearer" else None
        caller = await self.identity.authenticate(token, caller_address(environ))
        self.conversations.rates.connect_as(caller.subject)
        return caller

    def end_revoked(self) -> None:
        """End the sockets whose tokens count no more; called when a revocation became known."""
        for connection in tuple(self.connections.values()):
            connection.end_if_refused()

    def end_stranger(self, eio_sid: str) -> None:
        """End a socket that nobody was let in by."""
        socket = self.server.eio.sockets.get(eio_sid)
        if socket is not None and eio_sid not in self.connections:
            self._hang_up(socket, self.server.eio.reason.SERVER_DISCONNECT)

    def end_silent(self, socket: Any) -> None:
        """End a socket whose client did not answer a ping."""
        self._hang_up(socket, self.server.eio.reason.PING_TIMEOUT)

    def _hang_up(self, socket: Any, reason: str) -> None:
        """Close an Engine.IO socket, whether its client closes it in turn or not."""

        async def close() -> None:
            await socket.close(wait=False, reason=reason)
            socket.queue.put_nowait(None)  # ends the task that writes to it, which then closes the connection

        ending = asyncio.get_running_loop().create_task(close())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def flush(self, within_s: float) -> None:
        """Wait until the sockets have taken what is queued for them, at most so many seconds."""
        for _ in range(round(within_s / DRAIN_S)):
            if all(one.send_queue.is_empty for one in self.connections.values()):
                return
            await asyncio.sleep(DRAIN_S)

    def accepts_origin(self, origin: str | None, environ: Json) -> bool:
        """Whether a page of this origin may connect: the same host's, or one of `--cors`. None: it is no page."""
        if "*" in self.cors or origin in self.cors:
            return True
        if origin is None:
            return False  # that is, nothing is said to browsers; programs are not asked
        host = environ.get("HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST")
        if host and origin.partition("://")[2] == host:
            return True
        if origin not in self._refused and len(self._refused) < 1000:  # noqa: PLR2004  # bounded: origins are client input
            self._refused.add(origin)
            log.warning("refused a page of another origin; to allow it: --cors %s", origin)
        return False


def caller_address(environ: Json) -> str:
    """Return where a handshake comes from."""
    client = (environ.get("asgi.scope") or {}).get("client")
    return address_of(client[0] if client else None)


class _Server(socketio.AsyncServer):  # type: ignore[misc]  # the package has no types
    """python-socketio's server, with events going to our connections instead of tasks of their own."""

    def __init__(self, channel: SocketIoChannel) -> None:
        super().__init__(
            async_mode="asgi",
            cors_allowed_origins=channel.accepts_origin,
            max_http_buffer_size=MAX_PACKET,
            json=_Json,
            logger=False,
            engineio_logger=False,
            monitor_clients=False,
        )
        self.channel = channel
        self.heartbeat = Heartbeat(
            interval_s=self.eio.ping_interval, timeout_s=self.eio.ping_timeout, end=channel.end_silent
        )
        websocket = partial(WebSocket, take=self._take_event, longest=MAX_PACKET)
        self.eio._async = {**self.eio._async, "websocket": websocket}  # noqa: SLF001  # it offers no other way
        namespace = channel.options.namespace
        self.on("connect", self._connected, namespace=namespace)
        self.on("disconnect", self._disconnected, namespace=namespace)

    async def _connected(self, sid: str, environ: Json, auth: Any = None) -> bool:
        try:
            caller = await self.channel.authenticate(auth, environ)
        except RequestError as error:
            note(error, way="socketio connect", address=caller_address(environ))
            if self.channel.identity.mode == "open":
                return False  # `jwt_key` alone is Rasa's mode, and this Rasa's sentence
            raise socketio.exceptions.ConnectionRefusedError(error.message, refusal(error)["error"]) from None
        eio_sid = self.manager.eio_sid_from_sid(sid, self.channel.options.namespace)
        if eio_sid is None or eio_sid not in self.eio.sockets:
            return False  # it left meanwhile
        before = self.channel.connections.pop(eio_sid, None)
        if before is not None:
            before.close()
        self.channel.connections[eio_sid] = Connection(self.channel, sid, self.eio.sockets[eio_sid], caller)
        return True

    async def _disconnected(self, sid: str, reason: object = None) -> None:
        del reason
        eio_sid = self.manager.eio_sid_from_sid(sid, self.channel.options.namespace)
        connection = self.channel.connections.pop(eio_sid, None)
        if connection is not None:
            connection.close()
            asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, self.channel.end_stranger, eio_sid)

    async def _handle_eio_connect(self, eio_sid: str, environ: Json) -> None:
        watch(self.eio.sockets[eio_sid], self.heartbeat)
        await super()._handle_eio_connect(eio_sid, environ)
        # The handshake that Rasa's clients know has no maxPayload; its packet waits in the queue at this moment.
        for packet in self.eio.sockets[eio_sid].queue._queue:  # noqa: SLF001
            packet.data.pop("maxPayload", None)
        asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, self.channel.end_stranger, eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self.eio.sockets.pop(eio_sid, None)  # python-engineio would only find out when it looks after all of them

    def _take_event(self, eio_sid: str, packet: str) -> bool:
        """Hand an event to its connection; False when it is not a well-formed one that somebody was let in to send."""
        connection = self.channel.connections.get(eio_sid)
        start = packet.find("[")
        ack = packet[1:start]
        if connection is None or self.channel.options.namespace != "/" or start < 1:
            return False
        if ack and not (ack.isdecimal() and len(ack) < LONGEST_ACK):
            return False
        try:
            event, *payload = _Json.loads(packet[start:])
        except (ValueError, RecursionError):
            return False
        connection.arriving = len(packet)
        connection.receive(event, payload[0] if payload else None, int(ack) if ack else None)
        return True

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        connection = self.channel.connections.get(eio_sid)
        try:
            if not isinstance(data, str) or data[:1] in _BINARY:
                raise TypeError("a binary packet")  # noqa: TRY301  # nothing here is binary; it would collect in memory
            if connection is not None:
                connection.arriving = len(data)
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # whatever a client sends is its own fault, answered like other bad requests, and no traceback in our log
            log.debug("a packet could not be read", exc_info=error)
            if connection is not None:
                answer = refusal(RequestError("bad_request", "a packet could not be read"))
                asked = _ASKED.match(data) if isinstance(data, str) else None
                if asked is not None:
                    connection.send_queue.acknowledge(int(asked[1]), answer)
                connection.send_queue.emit("error", answer["error"])

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002
        connection = self.channel.connections.get(eio_sid)
        if connection is not None and (namespace or "/") == self.channel.options.namespace and data:
            connection.receive(data[0], data[1] if len(data) > 1 else None, id)


class _Json:
    """The codec that python-socketio is given: several times faster than the standard library's."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        text: str = encode(value).decode()
        return text

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        if is_too_deep(text):
            raise ValueError("JSON nested too deeply")
        return msgspec.json.decode(text)
