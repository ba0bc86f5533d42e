"""Serves each path with and without a trailing slash, as Rasa does.

It does not redirect, because many clients do not follow a redirect after a POST.
"""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlashes:
    """ASGI middleware that removes slashes from the end of a request's path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, without its trailing slashes."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path != "/" and path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self.app(scope, receive, send)
