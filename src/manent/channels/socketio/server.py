"""python-socketio's server. It passes events to their connections without starting a task for each event.

It accepts or rejects sockets, creates a `Connection` for each accepted socket, and closes sockets that were rejected or
do not answer pings. Rooms are not used, because a conversation has a list of subscribers. Besides, a client can choose
a session id that equals a socket id, and python-socketio uses socket ids as names of rooms.

The private methods and attributes of python-socketio and python-engineio that this package uses are listed, and
checked, in `tests/unit/test_library_internals.py`.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import socketio

from manent.channels.socketio.connection import Connection
from manent.channels.socketio.deadlines import Deadlines
from manent.channels.socketio.dialect import Request
from manent.channels.socketio.engine_socket import EngineServer, EngineSocket, adopt
from manent.channels.socketio.environ import translate_request
from manent.channels.socketio.heartbeat import Heartbeat
from manent.channels.socketio.options import SocketIoOptions
from manent.channels.socketio.plain import Plain
from manent.channels.socketio.protocol1 import Protocol1
from manent.channels.socketio.send_queue import MAX_PACKET, encode
from manent.channels.socketio.websocket import WebSocket
from manent.core.errors import RequestError
from manent.core.events import Json
from manent.runtime.identity.admission import Caller
from manent.runtime.json_input import is_too_deep
from manent.runtime.protocol1 import Sessions, refusal
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note

log = logging.getLogger("manent.socketio")

CONNECT_WITHIN_S = 45.0
"""Time limit for a socket to join the namespace and be accepted. The server then closes it, to free its memory.
"""

MAX_ACK_DIGITS = 18
"""Maximum number of digits of an acknowledgement's number on the fast path. python-socketio reads longer numbers."""

MAX_REFUSED_ORIGINS = 1000
"""Maximum number of rejected origins that the server remembers to log each only once.

Clients could send any number of origins.
"""

_ACK = re.compile(r"2(?:/[^,\[]*,)?(\d{1,18})\[")
"""Matches the start of an event packet that requests an acknowledgement. The group is the acknowledgement's number."""

_BINARY = ("5", "6")
"""Types of Socket.IO packets that announce binary packets."""


class Handshake(NamedTuple):
    """The data that the server keeps of the request that opened a socket.

    Attributes:
        address: the client's address.
        authorization: the `Authorization` header, or "" if it is missing.
    """

    address: str
    authorization: str


class SocketIoServer(socketio.AsyncServer):  # type: ignore[misc]  # the package has no types
    """The Socket.IO server of one process.

    Args:
        sessions: the sessions of protocol 1.
        options: the options of the channel.
        cors: origins of other sites whose pages may connect.

    Attributes:
        connections: python-engineio's id of each accepted socket → its connection.
        heartbeat: pings all sockets.
    """

    def __init__(self, sessions: Sessions, options: SocketIoOptions, *, cors: Sequence[str] = ()) -> None:
        super().__init__(
            async_mode="asgi",
            client_manager=_Sockets(),
            cors_allowed_origins=self._accepts_origin,
            max_http_buffer_size=MAX_PACKET,
            json=_Json,
            logger=_LibraryLog(logging.getLogger("socketio.server")),
            engineio_logger=_LibraryLog(logging.getLogger("engineio.server")),
            monitor_clients=False,
        )
        self.connections: dict[str, Connection] = {}
        self.heartbeat = Heartbeat(
            interval_s=self.eio.ping_interval, timeout_s=self.eio.ping_timeout, end=self._close_silent
        )
        self._strangers = Deadlines[str](CONNECT_WITHIN_S, self._close_stranger)
        self._sessions = sessions
        self._options = options
        self._cors = tuple(cors)
        self._refused_origins: set[str] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._packet_size = 0  # number of characters of the current packet, which python-socketio does not provide
        websocket = partial(WebSocket, take_event=self._take_event, max_size=MAX_PACKET)
        ours = {"websocket": websocket, "translate_request": translate_request}
        self.eio._async = {**self.eio._async, **ours}  # noqa: SLF001  # there is no public API for this
        self.on("connect", self._connected, namespace=options.namespace)
        self.on("disconnect", self._disconnected, namespace=options.namespace)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    # admission ------------------------------------------------------------------------------------------------------

    async def authenticate(self, auth: Any, handshake: Handshake) -> Caller:
        """Authenticate the client that connects. The token is in the `auth` payload or in the `Authorization` header.

        Raises:
            RequestError: a token is required but missing (`not_authenticated`), or the token is not valid.
        """
        token = auth.get("token") if isinstance(auth, dict) else None
        if token is None:
            scheme, _, given = handshake.authorization.partition(" ")
            token = given.strip() if scheme.lower() == "bearer" else None
        caller = await self._sessions.identity.authenticate(token, handshake.address)
        self._sessions.conversations.rates.connect_as(caller.subject)
        return caller

    async def _connected(self, sid: str, handshake: Handshake, auth: Any = None) -> bool:
        try:
            caller = await self.authenticate(auth, handshake)
        except RequestError as error:
            note(error, way="socketio connect", address=handshake.address)
            if self._sessions.identity.mode == "open":
                return False  # with `jwt_key` only, as in Rasa; python-socketio then sends Rasa's error text
            raise socketio.exceptions.ConnectionRefusedError(error.message, refusal(error)["error"]) from None
        namespace = self._options.namespace
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        if eio_sid is None or eio_sid not in self.eio.sockets:
            return False  # the socket has disconnected in the meantime
        before = self.connections.pop(eio_sid, None)
        if before is not None:
            before.close()
        self._strangers.stop(eio_sid)
        self.connections[eio_sid] = Connection(
            sid,
            self.eio.sockets[eio_sid],
            caller,
            sessions=self._sessions,
            options=self._options,
            dialects=(Plain, Protocol1),
            disconnect=self._end,
        )
        return True

    async def _end(self, sid: str) -> None:
        await self.disconnect(sid, namespace=self._options.namespace)

    async def _disconnected(self, sid: str, reason: object = None) -> None:
        del reason
        eio_sid = self.manager.eio_sid_from_sid(sid, self._options.namespace)
        connection = self.connections.pop(eio_sid, None)
        if connection is not None:
            connection.close()
            self._strangers.start(eio_sid)

    async def _handle_eio_connect(self, eio_sid: str, environ: Json) -> None:
        socket = self.eio.sockets[eio_sid]
        adopt(socket, self.heartbeat)
        # python-socketio keeps this object until the socket closes, and passes it to `_connected`.
        handshake = Handshake(_address(environ), environ.get("HTTP_AUTHORIZATION", ""))
        await super()._handle_eio_connect(eio_sid, handshake)
        # Rasa's handshake contains no maxPayload. The handshake packet is still in the queue here.
        for packet in socket.queue.items:
            packet.data.pop("maxPayload", None)
        self._strangers.start(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._strangers.stop(eio_sid)
        # python-engineio would remove the socket only in its next round through all sockets.
        socket = self.eio.sockets.pop(eio_sid, None)
        if socket is not None:
            self.heartbeat.forget(socket)
            socket.watch_pong = socket.wire = None

    def _accepts_origin(self, origin: str | None, environ: Json) -> bool:
        """Return whether a page of this origin may connect: the origin is the server's own or is listed in `--cors`."""
        if "*" in self._cors or origin in self._cors:
            return True
        if origin is None:
            return False  # this only omits CORS headers; clients other than browsers can still connect
        host = environ.get("HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST")
        if host and origin.partition("://")[2] == host:
            return True
        # This is the case behind a proxy that replaces the host. Browsers set this header, and pages cannot change it.
        if environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
            return True
        if origin not in self._refused_origins and len(self._refused_origins) < MAX_REFUSED_ORIGINS:
            self._refused_origins.add(origin)
            log.warning(
                "rejected a page of another origin; to allow it, start the server with --cors %s (if it is this"
                " server's own page, the proxy must forward the header Host, which is %s here)",
                origin,
                host,
            )
        return False

    # closing --------------------------------------------------------------------------------------------------------

    def _close_stranger(self, eio_sid: str) -> None:
        """Close a socket that was not accepted."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and eio_sid not in self.connections:
            self._close(socket, self.eio.reason.SERVER_DISCONNECT)

    def _close_silent(self, socket: EngineSocket) -> None:
        """Close a socket whose client did not answer a ping."""
        self._close(socket, self.eio.reason.PING_TIMEOUT)

    def _close(self, socket: EngineSocket, reason: str) -> None:
        """Close a socket without waiting for its client to close it."""

        async def close() -> None:
            await socket.close(wait=False, reason=reason)
            socket.queue.put_nowait(None)  # stops the writer task, which then closes the connection

        closing = asyncio.get_running_loop().create_task(close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # events ---------------------------------------------------------------------------------------------------------

    def _take_event(self, eio_sid: str, packet: str) -> bool:
        """Pass an event to its connection. Return False if the event is malformed or the socket was not accepted."""
        connection = self.connections.get(eio_sid)
        start = packet.find("[")
        ack = packet[1:start]
        if connection is None or self._options.namespace != "/" or start < 1:
            return False
        if ack and not (ack.isdecimal() and len(ack) <= MAX_ACK_DIGITS):
            return False
        try:
            event, *payload = _Json.loads(packet[start:])
        except (ValueError, RecursionError):
            return False
        connection.receive(Request(event, payload[0] if payload else None, int(ack) if ack else None, len(packet)))
        return True

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        connection = self.connections.get(eio_sid)
        try:
            if not isinstance(data, str) or data[:1] in _BINARY:
                raise TypeError("a binary packet")  # noqa: TRY301  # the channel has none, and binary packets would fill the memory
            self._packet_size = len(data)
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # python-socketio raises these errors for malformed packets. The client causes them, so the traceback is
            # logged only at level DEBUG.
            log.debug("a packet could not be read", exc_info=error)
            if connection is not None:
                answer = refusal(RequestError("bad_request", "a packet could not be read"))
                ack = _ACK.match(data) if isinstance(data, str) else None
                if ack is not None:
                    connection.send_queue.acknowledge(int(ack[1]), answer)
                connection.send_queue.emit("error", answer["error"])

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002
        connection = self.connections.get(eio_sid)
        if connection is not None and (namespace or "/") == self._options.namespace and data:
            connection.receive(Request(data[0], data[1] if len(data) > 1 else None, id, self._packet_size))


class _LibraryLog(logging.LoggerAdapter[logging.Logger]):
    """Logger for python-socketio and python-engineio.

    If they got a bool instead, each would add a handler. They call `error` only for mistakes of clients, for example an
    unknown session id from before the server restarted.
    """

    def error(self, msg: object, *args: object, **options: Any) -> None:
        """Log errors of clients at level INFO."""
        self.info(msg, *args, **options)

    def exception(self, msg: object, *args: object, exc_info: Any = True, **options: Any) -> None:
        """Log an exception at level ERROR, with the traceback."""
        self.log(logging.ERROR, msg, *args, exc_info=exc_info, **options)


def _address(environ: Json) -> str:
    """Return the client's address of a handshake."""
    client = (environ.get("asgi.scope") or {}).get("client")
    return address_of(client[0] if client else None)


class _Sockets(socketio.AsyncManager):  # type: ignore[misc]  # the package has no types
    """The connected sockets, without rooms.

    python-socketio creates a room for each socket, and searches all rooms when a socket disconnects. If thousands of
    sockets disconnect at once, this blocks the server for minutes.
    """

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Enter only the namespace's unnamed room, which lists its sockets."""
        if room is None:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)


class _Json:
    """A JSON codec for python-socketio that is several times faster than the standard library's."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        text: str = encode(value).decode()
        return text

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        if is_too_deep(text):
            raise ValueError("JSON nested too deeply")
        return msgspec.json.decode(text)
