"""Serves files of visitors that a platform gives only to the bot, for example WhatsApp's images.

The metadata of a message contain the path of a file on this server. The path has a key, so that only those who know the
path can fetch the file. The server asks the platform for the file at each request, and keeps nothing.
"""

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as HttpRoute

from manent.channels.platform_api import PlatformApi
from manent.core.errors import RequestError
from manent.core.secret_text import is_same
from manent.runtime.ports.channel import SendLater, Undeliverable

log = logging.getLogger("manent.channels")

UNKNOWN = "application/octet-stream"
"""Type of a file whose type the platform does not know."""

SAFE_HEADERS = {
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}
"""Headers that keep a browser from running a visitor's file as a page of this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Where the platform has a file.

    Attributes:
        url: the address.
        headers: headers that the platform requires.
        mime: the file's type.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    mime: str = UNKNOWN


class Media:
    """`GET /webhooks/<channel>/media/<key>/<id>`.

    Args:
        channel: name of the channel.
        secret: a secret of the channel, from which the keys are derived.
        api: the connections to the platform.
        locate: asks the platform for the address of a file. It raises `SendLater` or `Undeliverable`.
    """

    def __init__(self, channel: str, secret: str, api: PlatformApi, locate: Callable[[str], Awaitable[File]]) -> None:
        self._channel = channel
        self._secret = secret
        self._api = api
        self._locate = locate

    def url(self, media_id: str) -> str:
        """Return the path of a file on this server."""
        return f"/webhooks/{self._channel}/media/{self._key(media_id)}/{quote(media_id, safe='')}"

    def route(self) -> HttpRoute:
        """Return the route."""
        return HttpRoute(f"/webhooks/{self._channel}/media/{{key}}/{{media_id}}", self._serve, methods=["GET"])

    def _key(self, media_id: str) -> str:
        return hmac.new(self._secret.encode(), f"media:{media_id}".encode(), hashlib.sha256).hexdigest()

    async def _serve(self, request: Request) -> Response:
        media_id = request.path_params["media_id"]
        if not is_same(request.path_params["key"], self._key(media_id)):
            raise RequestError("not_found", "there is no such file", status=404)
        try:
            file = await self._locate(media_id)
            pieces = self._api.download(file.url, file.headers)
            first = await anext(pieces, b"")
        except Undeliverable as error:
            raise RequestError("not_found", f"the platform has no such file: {error.message}", status=404) from error
        except SendLater as error:
            log.warning("could not fetch a file", extra={"channel": self._channel, "error": error.message})
            raise RequestError(
                "platform_unavailable", f"could not fetch the file: {error.message}", status=503
            ) from error
        return StreamingResponse(_joined(first, pieces), media_type=file.mime, headers=SAFE_HEADERS)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
