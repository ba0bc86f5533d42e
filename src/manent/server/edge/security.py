"""Limits the size of request bodies and the rate of new sockets, and adds security headers to responses.

`Gate` is an ASGI application around the whole server, including Socket.IO. `runtime/rate_limits.py` limits messages and
visitors.
"""

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from manent.core.errors import RequestError
from manent.runtime.rate_limits import Rates, address_of
from manent.runtime.refusal_log import note
from manent.server.edge.route_cookie import with_route_cookie
from manent.server.edge.shutdown import Shutdown

MAX_BODY = 2_000_000
"""Maximum size of a request's body in bytes, the same as for a Socket.IO packet."""

MAX_MANAGEMENT_BODY = 64_000_000
"""Maximum size in bytes of a request body for the management API. It can contain training data or a whole log."""

UPLOAD_PATH = "/sessions/files"
"""Path to which visitors upload files. Its limit is configured."""

FORM_OVERHEAD = 100_000
"""Maximum number of bytes of an upload in addition to the file."""

_SMALL = ("/sessions/", "/webhooks/", "/admin/", "/desk/")

PIECE_TIMEOUT_S = 30.0
"""Maximum number of seconds between two pieces of a body."""

MAX_DISCARDED = 32_000_000
DISCARD_S = 10.0

_PACKETS = frozenset("0123456")
_NOOP = "6"

_TOO_BIG = 1009
"""uvicorn closes a WebSocket with this code if a message is too large."""

HEADERS = {b"x-content-type-options": b"nosniff", b"referrer-policy": b"no-referrer"}

DATA_HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""Headers that prevent browsers from showing a JSON response as a page or caching it. Routes can set other values.
"""


class Gate:
    """The outermost ASGI application.

    Args:
        app: the server's application.
        rates: the limits for new sockets.
        socket_path: path of Socket.IO, with a slash at the end.
        shutdown: whether the server is about to stop.
        max_upload: maximum size of a visitor's file in bytes. None if visitors cannot send files.
    """

    def __init__(
        self, app: ASGIApp, rates: Rates, *, socket_path: str, shutdown: Shutdown, max_upload: int | None = None
    ) -> None:
        self.app = app
        self.rates = rates
        self.socket_path = socket_path
        self.shutdown = shutdown
        self.max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        is_socket = (scope["path"] + "/").startswith(self.socket_path)
        is_first = is_socket and "sid" not in dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        if is_first:
            try:
                self.rates.connect(_address(scope))
            except RequestError as error:
                await _refuse(scope, receive, send, error)
                return
        if scope["type"] == "websocket":
            await self.app(scope, _packets(receive, _address(scope)), send)
            return
        limit = self._limit(scope["path"], is_socket=is_socket)
        sending = _with_headers(send, self.shutdown)
        if is_first:
            sending = with_route_cookie(scope, sending, path=self.socket_path)
        announced = _announced(scope)
        if (
            announced is None and is_socket and scope["method"] == "POST"
        ):  # python-engineio would read such a body as empty
            unknown = RequestError(
                "length_required", "the request has no header Content-Length, which is required", status=411
            )
            await _refuse(scope, receive, sending, unknown)
            return
        if announced is not None and announced > limit:
            await _discard(receive)
            await _refuse(scope, receive, sending, self._too_large(scope["path"], limit))
            return
        try:
            await self.app(scope, _bounded(receive, limit), sending)
        except RequestError as error:  # raised by `_bounded` and not handled by the application
            await _refuse(scope, receive, sending, error)

    def _limit(self, path: str, *, is_socket: bool) -> int:
        if path == UPLOAD_PATH and self.max_upload is not None:
            return self.max_upload + FORM_OVERHEAD
        return MAX_BODY if is_socket or path.startswith(_SMALL) else MAX_MANAGEMENT_BODY

    def _too_large(self, path: str, limit: int) -> RequestError:
        if path == UPLOAD_PATH and self.max_upload is not None:
            return RequestError(
                "file_too_large", f"the file is too large (limit {self.max_upload:,} bytes)", status=413
            )
        return too_large(limit)


def too_large(limit: int) -> RequestError:
    """Return the error for a body above the limit."""
    return RequestError("too_long", f"request too large (limit {limit:,} bytes)", status=413)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return address_of(client[0] if client else None)


def _announced(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return None


async def _discard(receive: Receive) -> None:
    """Read and discard a body, up to a limit, because clients read the response only after they have sent the body."""
    left = MAX_DISCARDED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def _packets(receive: Receive, address: str) -> Receive:
    """Replace invalid Engine.IO packets with empty ones, because python-engineio would fail with a traceback."""

    async def receiving() -> Message:
        message = await receive()
        text = message.get("text")
        if message.get("code") == _TOO_BIG or (text is not None and len(text) > MAX_BODY):
            note(too_large(MAX_BODY), way="websocket", address=address)
        if text is not None and text[:1] not in _PACKETS:
            message = {**message, "text": _NOOP}
        return message

    return receiving


def _bounded(receive: Receive, limit: int) -> Receive:
    left, complete = limit, False

    async def receiving() -> Message:
        nonlocal left, complete
        if complete:
            return await receive()  # no time limit, because this call waits until the connection ends
        try:
            async with asyncio.timeout(PIECE_TIMEOUT_S):
                message = await receive()
        except TimeoutError:
            raise RequestError(
                "too_slow", f"the request's body is too slow: no data arrived for {PIECE_TIMEOUT_S:g} s", status=408
            ) from None
        left -= len(message.get("body", b""))
        if left < 0:
            complete = True
            if message.get("more_body", False):
                await _discard(receive)
            raise too_large(limit)
        complete = not message.get("more_body", False)
        return message

    return receiving


def _with_headers(send: Send, shutdown: Shutdown) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = list(message.get("headers", ()))
            given = {name.lower(): value for name, value in headers}
            is_data = given.get(b"content-type", b"").startswith(b"application/json")
            added = {**HEADERS, **(DATA_HEADERS if is_data else {})}
            if shutdown.is_announced:
                added[b"connection"] = b"close"
            headers += [(name, value) for name, value in added.items() if name not in given]
            message = {**message, "headers": headers}
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, error: RequestError) -> None:
    note(error, way=scope["type"], address=_address(scope))
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        await send({"type": "websocket.close", "code": 1013, "reason": error.code})
        return
    body = msgspec.json.encode({"ok": False, "error": {"code": error.code, "message": error.message}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
    headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
