"""uvicorn's protocol classes for HTTP and WebSocket, with limits that a proxy would otherwise have to enforce.

The size of a request's head (its first line and headers) and the time for receiving it are limited. A peer that does
not read its data is disconnected, because unread data stays in the server's memory. `security.py` limits the bodies of
requests.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # the module is written in C or in Python
from websockets.protocol import OPEN

from manent.channels.socketio.lean_queue import LeanQueue
from manent.channels.socketio.websocket import WIRE

MAX_HEAD = 65_536
"""Maximum total size of a request's first line and headers, in bytes."""

HEAD_TIMEOUT_S = 20.0
"""Number of seconds within which a request's first line and headers must arrive."""

READ_INTERVAL_S = 30.0
MIN_READ = 16_384
"""While the transport's buffer is full (about 64 kB), a peer must read at least this many bytes per interval."""

MAX_UNREAD = 4_000_000
"""Maximum number of unsent bytes on a WebSocket whose peer sends pings."""

SWITCHING: Final = 101
SERVICE_RESTART: Final = 1012
"""Close code that asks the client to connect again."""

TEXT_FRAME: Final = 0x81
"""First byte of a complete text message (RFC 6455, 5.2)."""

MASKED: Final = 0x80
EXTENDED_16: Final = 126
EXTENDED_64: Final = 127


class HttpConnection(HttpToolsProtocol):
    """An HTTP connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._read_watch = _ReadWatch()

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._stop_awaiting()
        self._read_watch.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and disconnect the peer if the head of its request is too large."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self.transport.abort()
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            self._await_head()  # only line breaks have arrived since the last request

    def on_message_begin(self) -> None:
        """Wait for the rest of a request's head."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Stop waiting, because the head is complete."""
        self._stop_awaiting()
        self._head_size = 0
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection to a `WebSocketConnection`, and release the parser, which refers to this object."""
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # uvicorn does the same when a connection is lost

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection. Abort it if the peer does not read the rest of the last response."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(READ_INTERVAL_S, self.transport.abort)

    @property
    def is_reading(self) -> bool:
        """Whether a request is expected, because the connection is new or a part of a request has arrived."""
        if self.cycle is None or self.cycle.response_complete:
            return self._head_size > 0 or self.cycle is None
        return bool(self.cycle.more_body)

    def end(self) -> None:
        """Close the connection: immediately if it is idle, or after the response to the current request."""
        if not self.is_reading:
            self.shutdown()

    def pause_writing(self) -> None:
        """Start watching the peer, because the buffer is full."""
        super().pause_writing()
        self._read_watch.start(self.transport)

    def resume_writing(self) -> None:
        """Stop watching the peer, because it has read its data."""
        super().resume_writing()
        self._read_watch.stop()

    def _await_head(self) -> None:
        self._stop_awaiting()
        self._head_size = 0
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.abort)

    def _stop_awaiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket connection that implements `Wire`.

    Browsers nearly always send a short text message as a single piece of data. This class reads and writes such
    messages without the tasks, queues and generators of uvicorn and websockets, which take 25 µs of CPU time per
    message. It passes all other data to uvicorn and websockets.

    Attributes:
        take: called with a complete text message, as `Wire` describes.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queue = LeanQueue()  # type: ignore[assignment]
        self.take: Callable[[str], bool] | None = None
        self._read_watch = _ReadWatch()
        self._frames = _Frames()
        self._in_parts = False
        self._is_lost = False
        self._is_served = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._is_lost = True
        self.take = None
        self._read_watch.stop()
        super().connection_lost(exc)
        self._release_if_over()

    def on_task_complete(self, task: Any) -> None:
        """Release all resources if the connection is lost."""
        super().on_task_complete(task)
        self._is_served = True
        self._release_if_over()

    def data_received(self, data: bytes) -> None:
        """Handle data that are exactly one short message, and pass all other data to uvicorn."""
        if self.take is not None and self._frames.at_start and self._is_quiet():
            text = _lone_text(data)
            if text is not None and self.take(text):
                return
        if self.handshake_initiated:
            self._frames.advance(data)
        super().data_received(data)

    def handle_connect(self, event: Any) -> None:
        """Provide the `Wire` to the application."""
        super().handle_connect(event)
        if self.response.status_code == SWITCHING:
            extensions: Any = self.scope["extensions"]
            extensions[WIRE] = self

    def handle_text(self, event: Any) -> None:
        """Record whether the message has more frames. The attributes of `websockets` for this purpose are private."""
        self._in_parts = not event.fin
        super().handle_text(event)

    def handle_bytes(self, event: Any) -> None:
        """Handle a frame as `handle_text` does."""
        self._in_parts = not event.fin
        super().handle_bytes(event)

    def handle_cont(self, event: Any) -> None:
        """Handle a frame as `handle_text` does."""
        self._in_parts = not event.fin
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping, and disconnect a peer that does not read the pongs."""
        super().handle_ping()
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Start watching the peer, because the buffer is full."""
        super().pause_writing()
        self._read_watch.start(self.transport)

    def resume_writing(self) -> None:
        """Stop watching the peer, because it has read its data."""
        super().resume_writing()
        self._read_watch.stop()

    def start(self, take: Callable[[str], bool]) -> None:
        """See `Wire.start`. Release the data of the handshake, which is no longer needed."""
        self.take = take
        self.request = self.response = self.scope["headers"] = None  # type: ignore[assignment,typeddict-item]

    def write(self, text: bytes) -> bool:
        """Send a text message immediately. Return False if this is not possible."""
        if self.conn.state is not OPEN or self.conn.extensions or not self.writable.is_set():
            return False
        size = len(text)
        if size < EXTENDED_16:
            head = bytes((TEXT_FRAME, size))
        elif size < 1 << 16:
            head = b"%c%c%b" % (TEXT_FRAME, EXTENDED_16, size.to_bytes(2))
        else:
            head = b"%c%c%b" % (TEXT_FRAME, EXTENDED_64, size.to_bytes(8))
        self.transport.write(head + text)
        return True

    def begin_close(self) -> None:
        """See `Wire.begin_close`.

        Do not let uvicorn send the close frame, because it would drop data that arrives later.
        """
        if not self._is_lost and self.conn.state is OPEN:
            self.conn.send_close(SERVICE_RESTART)
            self.transport.write(b"".join(self.conn.data_to_send()))

    def shutdown(self) -> None:
        """Close the connection when the server stops. uvicorn would fail after a call of `begin_close`."""
        if self.handshake_complete and self.conn.state is not OPEN:
            self.transport.close()
        else:
            super().shutdown()

    def _release_if_over(self) -> None:
        """Release the parser, a self-referencing generator, if the application and the connection have ended."""
        if self._is_lost and self._is_served:
            vars(self.conn).clear()
            self.scope["extensions"].pop(WIRE, None)

    def _is_quiet(self) -> bool:
        """Return whether no earlier data is pending and the connection is open."""
        conn = self.conn
        return self.queue.empty() and not self._in_parts and conn.state is OPEN and not conn.extensions


class _ReadWatch:
    """Checks a full buffer at intervals, and aborts the connection if the peer does not read enough."""

    __slots__ = ("_left", "_timer", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0

    def start(self, transport: asyncio.Transport) -> None:
        self.stop()
        self._transport = transport
        self._wait(transport.get_write_buffer_size())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, left: int) -> None:
        self._left = left
        self._timer = asyncio.get_running_loop().call_later(READ_INTERVAL_S, self._check)

    def _check(self) -> None:
        assert self._transport is not None  # noqa: S101  # start() has set it
        left = self._transport.get_write_buffer_size()
        if left > self._left - MIN_READ:
            self._transport.abort()
        else:
            self._wait(left)


def _lone_text(data: bytes) -> str | None:
    """Return the text if the data are exactly one masked frame with a complete short message, or None otherwise."""
    size = len(data) - 6
    if size < 0 or data[0] != TEXT_FRAME:
        return None
    if data[1] == MASKED | size and size < EXTENDED_16:
        start = 2
    elif data[1] == MASKED | EXTENDED_16 and size >= EXTENDED_16 + 2 and int.from_bytes(data[2:4]) == size - 2:
        start = 4
    else:
        return None
    try:
        return apply_mask(data[start + 4 :], data[start : start + 4]).decode()
    except UnicodeDecodeError:
        return None


class _Frames:
    """Tracks where frames start in the data that uvicorn reads.

    Attributes:
        at_start: whether the next data starts a frame. It stays False after data that ends within the head of a frame,
            which browsers never send.
    """

    __slots__ = ("_left", "at_start")

    def __init__(self) -> None:
        self.at_start = True
        self._left = 0

    def advance(self, data: bytes) -> None:
        """Process the next piece of data."""
        if not self.at_start and not self._left:
            return
        position = self._left
        while position < len(data):
            end = _end_of_frame(data, position)
            if end is None:
                self.at_start, self._left = False, 0
                return
            position = end
        self._left = position - len(data)
        self.at_start = not self._left


def _end_of_frame(data: bytes, start: int) -> int | None:
    """Return the position, within or after the data, at which a client's frame ends.

    Return None if the head of the frame is incomplete.
    """
    head = data[start : start + 10]
    if len(head) < 2:  # noqa: PLR2004
        return None
    size, extended = head[1] & ~MASKED, 0
    if size == EXTENDED_16:
        extended = 2
    elif size == EXTENDED_64:
        extended = 8
    if len(head) < 2 + extended:
        return None
    if extended:
        size = int.from_bytes(head[2 : 2 + extended])
    return start + 2 + extended + (4 if head[1] & MASKED else 0) + size
