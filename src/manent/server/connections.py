"""HTTP and WebSocket connections that nobody can hold on to: uvicorn's protocols, bounded where it relies on a proxy.

`app.py` hands them to uvicorn. A request's head is bounded in size and time; a peer that takes nothing of what waits
for it is cut off, because its answers would stay in our memory for as long as it likes. What is inside of requests is
`security.py`'s to bound.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_HEAD = 65_536
"""Bytes of a request's line and headers."""

HEAD_WITHIN_S = 20.0
"""In which they have to come."""

READ_WITHIN_S = 30.0
READ_AT_LEAST = 16_384
"""Bytes that a peer has to take in that time when more waits for it than the transport likes to hold (some 64 kB)."""

MAX_UNREAD = 4_000_000
"""Bytes that may wait for a WebSocket while it goes on sending pings, each of which is answered."""


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
    """A connection that has become a WebSocket."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._patience = _Patience()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._patience.stop()
        super().connection_lost(exc)

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
