"""Translates ASGI requests into the WSGI-like `environ` that python-engineio reads.

python-engineio's own translation defines a class for each request. A class refers to itself, so its 2 kB are freed only
by garbage collection, and each poll of each visitor would create such a class.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from manent.core.events import Json

Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]

_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")


class Body:
    """The body of a request.

    Args:
        event: the first ASGI event of the request.
        receive: returns the next events.
    """

    __slots__ = ("_event", "_receive", "_unread")

    def __init__(self, event: Json, receive: Receive) -> None:
        self._event = event
        self._receive = receive
        self._unread = b""

    async def read(self, size: int | None = None) -> bytes:
        """Return the next bytes of the body, at most `size`, or all remaining bytes if `size` is None.

        Return no bytes if the client disconnected during the request. Its packets are incomplete, and it sends them
        again.
        """
        while self._event["type"] == "http.request" and (size is None or len(self._unread) < size):
            self._unread += self._event.get("body") or b""
            if self._event.get("more_body"):
                self._event = await self._receive()
                if self._event["type"] != "http.request":
                    self._unread = b""
            else:
                self._event = {"type": "http.disconnect"}
        end = len(self._unread) if size is None else size
        read, self._unread = self._unread[:end], self._unread[end:]
        return read


async def translate_request(scope: Json, receive: Receive, send: Send) -> dict[str, Any]:
    """Return the `environ` of a request, or an empty one if its client has disconnected."""
    event = await receive()
    if event["type"] not in ("http.request", "websocket.connect"):
        return {}
    try:
        query = scope.get("query_string", b"").decode()
    except UnicodeDecodeError:
        query = ""
    environ: dict[str, Any] = {
        "wsgi.input": Body(event, receive),
        "wsgi.errors": sys.stderr,
        "REQUEST_METHOD": scope.get("method", "GET"),
        "PATH_INFO": scope["path"],
        "QUERY_STRING": query,
        "asgi.receive": receive,
        "asgi.send": send,
        "asgi.scope": scope,
    }
    for raw_name, raw_value in scope["headers"]:
        try:
            name, value = raw_name.decode().upper().replace("-", "_"), raw_value.decode()
        except UnicodeDecodeError:
            continue
        if name in _WITHOUT_PREFIX:
            environ[name] = value
        else:
            key = f"HTTP_{name}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
    return environ
