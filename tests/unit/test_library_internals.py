"""The private and undocumented attributes of libraries that src/manent uses, each still as we use it.

A new release of python-socketio, python-engineio, uvicorn or websockets may change any of them without notice. These
tests import only the libraries, name every such attribute, and fail with a sentence that says which library changed
what and which file of ours uses it. Change `pyproject.toml` to allow another minor release only when they pass with it.
"""

import asyncio
import importlib.metadata
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import engineio
import engineio.async_drivers.asgi
import engineio.async_socket
import engineio.exceptions
import engineio.packet
import pytest
import socketio
import websockets.frames
import websockets.protocol
import websockets.server
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

SERVER = "channels/socketio/server.py"
WEBSOCKET = "channels/socketio/websocket.py"
HEARTBEAT = "channels/socketio/heartbeat.py"
SEND_QUEUE = "channels/socketio/send_queue.py"
ENGINE_SOCKET = "channels/socketio/engine_socket.py"
CONNECTIONS = "server/edge/connections.py"


async def _serve_nothing(scope: Any, receive: Any, send: Any) -> None:
    """Be an ASGI application."""


def engine_socket() -> Any:
    """Return a socket as python-engineio makes it."""
    return engineio.async_socket.AsyncSocket(engineio.AsyncServer(async_mode="asgi"), "sid")


def uvicorn_websocket() -> Any:
    """Return a WebSocket protocol as uvicorn makes it."""
    config = Config(_serve_nothing, log_config=None, ws_per_message_deflate=False, interface="asgi3")
    config.load()
    return WebSocketsSansIOProtocol(config, ServerState(), {}, asyncio.get_running_loop())


def uvicorn_http() -> Any:
    """Return an HTTP protocol as uvicorn makes it."""
    config = Config(_serve_nothing, log_config=None, interface="asgi3")
    config.load()
    return HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())


class Transport(asyncio.Transport):
    """A transport that takes everything."""

    def write(self, data: Any) -> None:
        """Take bytes."""

    def is_closing(self) -> bool:
        """Stay open."""
        return False

    def close(self) -> None:
        """Stay open."""


def moved(library: str, what: str, files: str) -> str:
    """Return the sentence that a failing test prints."""
    version = importlib.metadata.version(library)
    return f"{library} {version} no longer has {what} as src/manent/{files} uses it"


ATTRIBUTES: list[tuple[str, str, Callable[[], Any], str]] = [
    # library, attribute, its owner, our file
    ("python-socketio", "eio", lambda: socketio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-socketio", "manager.eio_sid_from_sid", lambda: socketio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "_async", lambda: engineio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "sockets", lambda: engineio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "ping_interval", lambda: engineio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "ping_timeout", lambda: engineio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "reason.PING_TIMEOUT", lambda: engineio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "reason.SERVER_DISCONNECT", lambda: engineio.AsyncServer(async_mode="asgi"), SERVER),
    ("python-engineio", "reason.TRANSPORT_CLOSE", lambda: engineio.AsyncServer(async_mode="asgi"), WEBSOCKET),
    ("python-engineio", "max_http_buffer_size", lambda: engineio.AsyncServer(async_mode="asgi"), WEBSOCKET),
    ("python-engineio", "connected", engine_socket, WEBSOCKET),
    ("python-engineio", "upgrading", engine_socket, WEBSOCKET),
    ("python-engineio", "upgraded", engine_socket, WEBSOCKET),
    ("python-engineio", "sid", engine_socket, WEBSOCKET),
    ("python-engineio", "server", engine_socket, WEBSOCKET),
    ("python-engineio", "poll", engine_socket, ENGINE_SOCKET),
    ("python-engineio", "receive", engine_socket, ENGINE_SOCKET),
    ("python-engineio", "schedule_ping", engine_socket, ENGINE_SOCKET),
    ("python-engineio", "last_ping", engine_socket, HEARTBEAT),
    ("python-engineio", "closing", engine_socket, HEARTBEAT),
    ("python-engineio", "closed", engine_socket, SEND_QUEUE),
    ("python-engineio", "queue", engine_socket, SEND_QUEUE),
    ("uvicorn", "queue", uvicorn_websocket, CONNECTIONS),
    ("uvicorn", "conn", uvicorn_websocket, CONNECTIONS),
    ("uvicorn", "writable", uvicorn_websocket, CONNECTIONS),
    ("uvicorn", "transport", uvicorn_websocket, CONNECTIONS),
    ("uvicorn", "handshake_initiated", uvicorn_websocket, CONNECTIONS),
    ("uvicorn", "parser", uvicorn_http, CONNECTIONS),
    ("uvicorn", "cycle", uvicorn_http, CONNECTIONS),
    ("uvicorn", "loop", uvicorn_http, CONNECTIONS),
    ("uvicorn", "transport", uvicorn_http, CONNECTIONS),
    ("uvicorn", "timeout_keep_alive_task", uvicorn_http, CONNECTIONS),
    ("websockets", "state", websockets.server.ServerProtocol, CONNECTIONS),
    ("websockets", "extensions", websockets.server.ServerProtocol, CONNECTIONS),
    ("websockets", "OPEN", lambda: websockets.protocol, CONNECTIONS),
]


@pytest.mark.parametrize(("library", "attribute", "owner", "file"), ATTRIBUTES)
async def test_attribute_exists(library: str, attribute: str, owner: Callable[[], Any], file: str) -> None:
    """An attribute that our code reads or replaces is there."""
    found = owner()
    for name in attribute.split("."):
        assert hasattr(found, name), moved(library, f"{type(found).__name__}.{name}", file)
        found = getattr(found, name)


class Method(NamedTuple):
    """A method that our code calls or overrides."""

    library: str
    owner: type
    name: str
    parameters: list[str]
    is_coroutine: bool
    file: str


METHODS = [
    Method("python-socketio", socketio.AsyncServer, "_handle_eio_connect", ["eio_sid", "environ"], True, SERVER),
    Method("python-socketio", socketio.AsyncServer, "_handle_eio_disconnect", ["eio_sid", "reason"], True, SERVER),
    Method("python-socketio", socketio.AsyncServer, "_handle_eio_message", ["eio_sid", "data"], True, SERVER),
    Method(
        "python-socketio", socketio.AsyncServer, "_handle_event", ["eio_sid", "namespace", "id", "data"], True, SERVER
    ),
    Method(
        "python-engineio",
        engineio.async_socket.AsyncSocket,
        "close",
        ["wait", "abort", "reason"],
        True,
        f"{SERVER} and {WEBSOCKET}",
    ),
    Method(
        "python-engineio",
        engineio.async_socket.AsyncSocket,
        "receive",
        ["pkt"],
        True,
        f"{ENGINE_SOCKET} and {WEBSOCKET}",
    ),
    Method("python-engineio", engineio.async_socket.AsyncSocket, "poll", [], True, ENGINE_SOCKET),
    Method("python-engineio", engineio.async_socket.AsyncSocket, "schedule_ping", [], False, ENGINE_SOCKET),
    Method("python-engineio", engineio.AsyncServer, "create_queue", ["args", "kwargs"], False, ENGINE_SOCKET),
    Method("python-socketio", socketio.AsyncServer, "_engineio_server_class", [], False, SERVER),
    Method(
        "python-socketio",
        socketio.AsyncManager,
        "basic_enter_room",
        ["sid", "namespace", "room", "eio_sid"],
        False,
        SERVER,
    ),
    Method(
        "python-engineio", engineio.async_drivers.asgi.WebSocket, "__init__", ["handler", "server"], False, WEBSOCKET
    ),
    Method("python-engineio", engineio.async_drivers.asgi.WebSocket, "__call__", ["environ"], True, WEBSOCKET),
    Method("python-engineio", engineio.async_drivers.asgi.WebSocket, "send", ["message"], True, WEBSOCKET),
    Method("python-engineio", engineio.async_drivers.asgi.WebSocket, "close", [], True, WEBSOCKET),
    Method("uvicorn", HttpToolsProtocol, "on_message_begin", [], False, CONNECTIONS),
    Method("uvicorn", HttpToolsProtocol, "on_headers_complete", [], False, CONNECTIONS),
    Method("uvicorn", HttpToolsProtocol, "timeout_keep_alive_handler", [], False, CONNECTIONS),
    Method("uvicorn", HttpToolsProtocol, "handle_websocket_upgrade", [], False, CONNECTIONS),
    Method("uvicorn", WebSocketsSansIOProtocol, "on_task_complete", ["task"], False, CONNECTIONS),
    Method("uvicorn", WebSocketsSansIOProtocol, "handle_connect", ["event"], False, CONNECTIONS),
    Method("uvicorn", WebSocketsSansIOProtocol, "handle_text", ["event"], False, CONNECTIONS),
    Method("uvicorn", WebSocketsSansIOProtocol, "handle_bytes", ["event"], False, CONNECTIONS),
    Method("uvicorn", WebSocketsSansIOProtocol, "handle_cont", ["event"], False, CONNECTIONS),
    Method("uvicorn", WebSocketsSansIOProtocol, "handle_ping", [], False, CONNECTIONS),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.owner.__name__}.{method.name}")
def test_method_is_called_the_same_way(method: Method) -> None:
    """A method that our code calls or overrides takes the same arguments."""
    what = f"{method.owner.__name__}.{method.name}({', '.join(method.parameters)})"
    found = getattr(method.owner, method.name, None)
    assert found is not None, moved(method.library, what, method.file)
    assert list(inspect.signature(found).parameters)[1:] == method.parameters, moved(method.library, what, method.file)
    assert inspect.iscoroutinefunction(found) is method.is_coroutine, moved(method.library, what, method.file)


def test_websocket_class_is_replaceable() -> None:
    """python-engineio makes the WebSocket that its table names, with a bound method of the socket as its handler."""
    made: list[Any] = []

    async def websocket(environ: Any) -> str:
        """Serve nothing."""
        return f"served {environ}"

    def make(handler: Any, server: Any) -> Any:
        made.append((handler.__self__, server))
        return websocket

    server = engineio.AsyncServer(async_mode="asgi")
    sentence = moved("python-engineio", 'AsyncServer._async["websocket"]', f"{SERVER} and {WEBSOCKET}")
    assert "websocket" in server._async, sentence
    server._async = {**server._async, "websocket": make}
    socket = engineio.async_socket.AsyncSocket(server, "sid")
    answer = asyncio.run(socket._upgrade_websocket("environ"))

    assert (made, answer) == ([(socket, server)], "served environ"), sentence


def test_a_socket_takes_its_queue_from_the_server() -> None:
    """python-engineio asks its server for the queue of a new socket, so that ours can be smaller."""

    class Server(engineio.AsyncServer):  # type: ignore[misc]  # the package has no types
        def create_queue(self, *_: Any, **__: Any) -> str:
            return "ours"

    socket = engineio.async_socket.AsyncSocket(Server(async_mode="asgi"), "sid")
    assert socket.queue == "ours", moved("python-engineio", "AsyncServer.create_queue", ENGINE_SOCKET)


def test_the_class_of_a_socket_can_change() -> None:
    """A socket is an ordinary object: another class may take it over, with attributes of its own."""

    class Socket(engineio.async_socket.AsyncSocket):  # type: ignore[misc]  # the package has no types
        more = 1

    socket = engine_socket()
    socket.__class__ = Socket
    socket.more = 2
    assert (socket.more, socket.sid) == (2, "sid"), moved("python-engineio", "a plain AsyncSocket", ENGINE_SOCKET)


async def test_the_translation_of_requests_is_replaceable() -> None:
    """python-engineio calls the translation that its table names with scope, receive and send."""
    seen: list[Any] = []

    async def translate(*request: Any) -> dict[str, Any]:
        seen.append(request)
        return {"REQUEST_METHOD": "OPTIONS", "HTTP_HOST": "a", "wsgi.url_scheme": "http"}

    async def answer(status: str, *_: Any) -> str:
        return status

    server = engineio.AsyncServer(async_mode="asgi")
    sentence = moved("python-engineio", 'AsyncServer._async["translate_request"]', SERVER)
    assert "translate_request" in server._async, sentence
    server._async = {**server._async, "translate_request": translate, "make_response": answer}
    await server.handle_request("scope", "receive", "send")

    assert seen == [("scope", "receive", "send")], sentence


async def test_open_packet_waits_when_the_socket_is_announced() -> None:
    """The handshake is queued before `_handle_eio_connect` runs, with `maxPayload` in a dict."""
    waiting: list[Any] = []

    class Server(socketio.AsyncServer):  # type: ignore[misc]  # the package has no types
        async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> None:
            await super()._handle_eio_connect(eio_sid, environ)
            queue = self.eio.sockets[eio_sid].queue
            waiting.append(queue.get_nowait())
            queue.put_nowait(waiting[0])  # Without it, the handshake would wait 25 s for a packet.

    server = Server(async_mode="asgi", monitor_clients=False)
    await server.eio._handle_connect({"REQUEST_METHOD": "GET"}, "polling")

    sentence = moved("python-engineio", "the OPEN packet in the queue when a socket is announced", SERVER)
    assert [packet.packet_type for packet in waiting] == [engineio.packet.OPEN], sentence
    assert "maxPayload" in waiting[0].data, sentence


async def test_a_text_packet_is_read_without_another_task() -> None:
    """`_handle_eio_message` calls `_handle_event` before it returns: the server notes the packet's size in between."""
    seen: list[Any] = []

    class Server(socketio.AsyncServer):  # type: ignore[misc]  # the package has no types
        async def _handle_event(self, eio_sid: str, namespace: Any, id: Any, data: Any) -> None:  # noqa: A002
            seen.append((eio_sid, namespace, id, data))

    await Server(async_mode="asgi")._handle_eio_message("eio", '27["user_uttered",{"a":1}]')

    assert seen == [("eio", None, 7, ["user_uttered", {"a": 1}])], moved(
        "python-socketio", "_handle_event called by _handle_eio_message", SERVER
    )


def test_engineio_packets_and_exceptions() -> None:
    """Packets are made and encoded as we do it, and the exceptions that we catch exist."""
    packet = engineio.packet
    made = [packet.Packet(packet.MESSAGE, "2"), packet.Packet(packet.PING), packet.Packet(packet.NOOP)]
    read = packet.Packet(encoded_packet="3")

    sentence = moved("python-engineio", "packet.Packet", f"{SEND_QUEUE}, {HEARTBEAT} and {WEBSOCKET}")
    assert [one.encode() for one in made] == ["42", "2", "6"], sentence
    assert (read.packet_type, read.data or "") == (packet.PONG, ""), sentence
    for name in ("UnknownPacketError", "SocketIsClosedError", "QueueEmpty"):
        assert hasattr(engineio.exceptions, name), moved("python-engineio", f"exceptions.{name}", WEBSOCKET)


def test_websockets_masks_and_names_the_open_state() -> None:
    """`apply_mask` takes the data and four bytes; a handshake that is done leaves the state OPEN."""
    masked = websockets.frames.apply_mask(b"hello", b"\x01\x02\x03\x04")  # type: ignore[attr-defined]
    sentence = moved("websockets", "frames.apply_mask", CONNECTIONS)

    assert masked == bytes(byte ^ key for byte, key in zip(b"hello", b"\x01\x02\x03\x04\x01", strict=True)), sentence


async def test_uvicorn_names_the_response_and_the_scope_of_a_handshake() -> None:
    """After the handshake `response.status_code` and `scope["extensions"]` are there to read and to add to."""
    protocol = uvicorn_websocket()
    protocol.connection_made(Transport())
    protocol.data_received(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    sentence = moved("uvicorn", "WebSocketsSansIOProtocol.response and .scope", CONNECTIONS)
    assert protocol.response.status_code == 101, sentence
    assert isinstance(protocol.scope["extensions"], dict), sentence
    await asyncio.sleep(0.01)
    protocol.connection_lost(None)


async def test_uvicorn_names_the_end_of_a_response() -> None:
    """A request in progress is `cycle`, and says by `response_complete` whether it is answered."""
    protocol = uvicorn_http()
    protocol.connection_made(Transport())
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    seen = protocol.cycle.response_complete
    await asyncio.gather(*protocol.tasks)
    protocol.connection_lost(None)

    assert seen is False, moved("uvicorn", "cycle.response_complete", CONNECTIONS)
