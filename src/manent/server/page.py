"""Serves the web chat at `/`, its files, and its studio. Clients other than browsers get one line of text."""

from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from manent import __version__
from manent.channels.socketio.options import SocketIoOptions
from manent.server.operation import Operation
from manent.web import STATIC

CSP = (
    "default-src 'self'; img-src 'self' https: data:; media-src 'self' https:; connect-src 'self' ws: wss:;"
    " object-src 'none'; base-uri 'none'; frame-ancestors *; form-action 'none'"
)
"""Content security policy of the web chat page and the studio.

It allows no inline scripts or styles. Bots may show pictures from any https address. The chat uses constructed style
sheets, which need no permission.
"""

SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

STUDIO = "/webchat/studio"
"""Path of the page for site owners. The paths of its files start with it."""

ROOT = Operation(method="GET", path="/", summary="The web chat, or one line of text", answer="text/plain")
CONFIG = Operation(
    method="GET", path="/webchat/config.json", summary="Where the web chat connects", answer=dict[str, Any]
)
STUDIO_PAGE = Operation(
    method="GET", path=STUDIO, summary="A page on which to try the options of the web chat", answer="text/html"
)
OPERATIONS = (ROOT, CONFIG, STUDIO_PAGE)


def routes(socketio: SocketIoOptions, static: Path = STATIC, *, studio: bool = False) -> list[BaseRoute]:
    """Return `/`, `/webchat/config.json`, the files of the bundle and, if asked for, the studio.

    Args:
        socketio: path and namespace to which the page connects.
        static: folder of the built bundle. If it is missing, `/` says how to build it.
        studio: whether to serve the studio for site owners at `/webchat/studio`.
    """
    index = static / "index.html"
    config = msgspec.json.encode(
        {"socketPath": socketio.socketio_path, "namespace": socketio.namespace, "protocol": 1, "version": __version__}
    )

    async def root(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(f"Hello from Manent: {__version__}")
        if not index.exists():
            return PlainTextResponse("the web chat is not built; run `npm ci && npm run build` in web/", 503)
        return _page(index)

    async def studio_page(_: Request) -> Response:
        return _page(static / "webchat/studio.html")

    async def webchat_config(_: Request) -> Response:
        return Response(config, media_type="application/json", headers={"Cache-Control": "no-cache"})

    found: list[BaseRoute] = [ROOT.route(root), CONFIG.route(webchat_config)]
    if static.is_dir():
        if studio:
            found.append(STUDIO_PAGE.route(studio_page))
        found.append(_Bundle(static, studio=studio))
    return found


def _page(path: Path) -> Response:
    return FileResponse(path, headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})


class _Bundle(Mount):
    """The files of the bundle at the root. It matches only existing files. Other routes answer other paths."""

    def __init__(self, static: Path, *, studio: bool) -> None:
        super().__init__("/", _Assets(directory=static))
        paths = {f"/{path.relative_to(static).as_posix()}" for path in static.rglob("*") if path.is_file()}
        pages = {"/index.html", f"{STUDIO}.html"}  # other routes serve these files, with other headers
        self.paths = {path for path in paths - pages if studio or not path.startswith(STUDIO)}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match requests for an existing file."""
        if scope["type"] != "http" or scope["path"] not in self.paths:
            return Match.NONE, {}
        return super().matches(scope)


class _Assets(StaticFiles):
    """The files of the bundle. Pages of other origins may embed them. Their headers disable content sniffing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (b"x-content-type-options", b"nosniff"),
                    (b"access-control-allow-origin", b"*"),
                    (b"cross-origin-resource-policy", b"cross-origin"),
                ]
            await send(message)

        await super().__call__(scope, receive, with_headers)
