"""HTTP and WebSocket connections that nobody can hold on to: uvicorn's protocols, bounded where it relies on a proxy.

`app.py` hands them to uvicorn. A request's head is bounded in size and time; a peer that takes nothing of what waits
for it is cut off, because its answers would stay in our memory for as long as it likes. What is inside of requests is
`security.py`'s to bound.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where there is a wheel, else in Python
from websockets.protocol import OPEN

from manent.channels.socketio.websocket import WIRE

MAX_HEAD = 65_536
"""Bytes of a request's line and headers."""

HEAD_WITHIN_S = 20.0
"""In which they have to come."""

READ_WITHIN_S = 30.0
READ_AT_LEAST = 16_384
"""Bytes that a peer has to take in that time when more waits for it than the transport likes to hold (some 64 kB)."""

MAX_UNREAD = 4_000_000
"""Bytes that may wait for a WebSocket while it goes on sending pings, each of which is answered."""

SWITCHING: Final = 101
TEXT_FRAME: Final = 0x81
"""A text message that is whole (RFC 6455, 5.2)."""

MASKED: Final = 0x80
EXTENDED_16: Final = 126
EXTENDED_64: Final = 127


class HttpConnection(HttpToolsProtocol):
    """A connection that speaks HTTP."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._patience = _Patience()

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_awaiting()
        self._patience.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; it may end a head, belong to a body, or be nothing that leads anywhere."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self.transport.abort()
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            self._await_head()  # line breaks between requests

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._stop_awaiting()
        super().on_headers_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that rests; the end of an answer that is not read by then is not waited for."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def pause_writing(self) -> None:
        """The peer is slower than we are."""
        super().pause_writing()
        self._patience.start(self.transport)

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._patience.stop()

    def _await_head(self) -> None:
        self._stop_awaiting()
        self._head_size = 0
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _stop_awaiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A connection that has become a WebSocket, and its `Wire`.

    What browsers send nearly always, one short text message in one piece, is read here without the tasks, queues and
    generators of the libraries below (25 µs of CPU a message); so is what is written. Anything else is theirs.

    Attributes:
        take: see `Wire`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.take: Callable[[str], bool] | None = None
        self._patience = _Patience()
        self._frames = _Frames()
        self._in_parts = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self.take = None
        self._patience.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came: a message that is all of it, or whatever it is."""
        if self.take is not None and self._frames.at_start and self._is_quiet():
            text = _lone_text(data)
            if text is not None and self.take(text):
                return
        if self.handshake_initiated:
            self._frames.go_on(data)
        super().data_received(data)

    def handle_connect(self, event: Any) -> None:
        """Offer the wire to the application."""
        super().handle_connect(event)
        if self.response.status_code == SWITCHING:
            extensions: Any = self.scope["extensions"]
            extensions[WIRE] = self

    def handle_text(self, event: Any) -> None:
        """Note whether more of it is to come; the `websockets` package knows, too, under names that change."""
        self._in_parts = not event.fin
        super().handle_text(event)

    def handle_bytes(self, event: Any) -> None:
        """See `handle_text`."""
        self._in_parts = not event.fin
        super().handle_bytes(event)

    def handle_cont(self, event: Any) -> None:
        """See `handle_text`."""
        self._in_parts = not event.fin
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping, unless the answers to earlier ones are not read."""
        super().handle_ping()
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()

    def pause_writing(self) -> None:
        """The peer is slower than we are."""
        super().pause_writing()
        self._patience.start(self.transport)

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._patience.stop()

    def write(self, text: bytes) -> bool:
        """See `Wire.write`."""
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

    def _is_quiet(self) -> bool:
        """Nothing that came before waits for the application or for its rest, and nothing ends."""
        conn = self.conn
        return self.queue.empty() and not self._in_parts and conn.state is OPEN and not conn.extensions


class _Patience:
    """Looks at a paused transport now and then, and aborts it when its peer takes nothing."""

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
        self._timer = asyncio.get_running_loop().call_later(READ_WITHIN_S, self._look)

    def _look(self) -> None:
        assert self._transport is not None  # noqa: S101  # start() set it
        left = self._transport.get_write_buffer_size()
        if left > self._left - READ_AT_LEAST:
            self._transport.abort()
        else:
            self._wait(left)


def _lone_text(data: bytes) -> str | None:
    """Return the text of a masked frame that is a whole short message and all of the data; None for anything else."""
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
    """Follows where frames begin in what the libraries below are given to read.

    Attributes:
        at_start: what comes next is the start of a frame. Unknown, that is False for good, once a piece ended within
            a frame's head, which browsers never cause.
    """

    __slots__ = ("_left", "at_start")

    def __init__(self) -> None:
        self.at_start = True
        self._left = 0

    def go_on(self, data: bytes) -> None:
        """Take the next piece."""
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
    """Return where a frame from a client ends, in or behind the data; None when its head is not all there."""
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
