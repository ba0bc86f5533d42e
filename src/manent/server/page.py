"""Serves the web chat at `/`, its files, the studio and the page of the desk.

At `/`, clients other than browsers receive a line of text.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Receive, Scope, Send

from manent import __version__
from manent.channels.socketio.options import SocketIoOptions
from manent.server.brotli import append
from manent.server.demo import describe_process
from manent.server.operation import Operation
from manent.web import STATIC

CSP = (
    "default-src 'self'; img-src 'self' https: data: blob:; media-src 'self' https:; connect-src 'self' ws: wss:;"
    " object-src 'none'; base-uri 'none'; frame-ancestors *; form-action 'none'"
)
"""Content security policy of the web chat page and the studio.

It allows no inline scripts or styles. Bots can show images from any https URL. The chat uses constructed style sheets,
which the policy does not restrict.
"""

DESK_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; media-src 'self' https:;"
    " connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""Content security policy of the desk. In contrast to the web chat, no other page may embed it."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

ASSET_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Headers for the bundle's files, which pages of other origins can embed."""

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings, best first, with the suffixes of the compressed files that the build creates."""

LOADER = "webchat/manent-chat.js"
"""The file that pages load first."""

_PAGE_SETTINGS = {"title": "heading", "language": "lang", "theme": "theme"}
"""Key in the configuration of the hosted page → attribute of the element."""

STUDIO = "/webchat/studio"
"""Path of the studio, and prefix of the paths of its files."""

DESK = "/desk"
"""Path of the page for operators, and prefix of the paths of its files."""

ROOT = Operation(method="GET", path="/", summary="Get the web chat page, or a line of text", answer="text/plain")
CONFIG = Operation(
    method="GET",
    path="/webchat/config.json",
    summary="Get the connection settings of the web chat",
    answer=dict[str, Any],
)
STUDIO_PAGE = Operation(
    method="GET",
    path=STUDIO,
    summary="Get the studio, a page on which site owners try the options of the web chat",
    answer="text/html",
)
OPERATIONS = (ROOT, CONFIG, STUDIO_PAGE)


def routes(
    socketio: SocketIoOptions, static: Path = STATIC, *, studio: bool = False, desk: bool = False, demo: bool = False
) -> list[BaseRoute]:
    """Return the routes of the page, its configuration and the bundle's files; if set, also of studio and desk.

    Args:
        socketio: path and namespace to which the page connects.
        static: folder of the built bundle. If it does not exist, `/` returns instructions for the build.
        studio: whether to serve the studio for site owners at `/webchat/studio`.
        desk: whether to serve the page for operators at `/desk`.
        demo: whether to serve the demo's page at `/` instead of only the chat.
    """
    index = static / ("demo.html" if demo else "index.html")
    site = socketio.web_chat.attributes() if socketio.web_chat is not None else {}
    settings = {
        "socketPath": socketio.socketio_path,
        "namespace": socketio.namespace,
        "protocol": 1,
        "version": __version__,
        **{key: site[name] for key, name in _PAGE_SETTINGS.items() if name in site},
        **({"site": site} if studio else {}),
    }

    async def root(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(f"Hello from Manent: {__version__}")
        if not index.exists():
            return PlainTextResponse("the web chat is not built; run `npm ci && npm run build` in web/", 503)
        return _page(request, index)

    async def studio_page(request: Request) -> Response:
        return _page(request, static / "webchat/studio.html")

    async def desk_page(request: Request) -> Response:
        return _page(request, static / "desk/desk.html", {"Content-Security-Policy": DESK_CSP})

    async def webchat_config(request: Request) -> Response:
        config = msgspec.json.encode({**settings, **(describe_process(request) if demo else {})})
        return Response(config, media_type="application/json", headers={"Cache-Control": "no-cache"})

    found: list[BaseRoute] = [ROOT.route(root), CONFIG.route(webchat_config)]
    if static.is_dir():
        if studio:
            found.append(STUDIO_PAGE.route(studio_page))
        if desk:
            found.append(Route(DESK, desk_page, methods=["GET"]))
        closed = tuple(prefix for prefix, is_open in ((STUDIO, studio), (f"{DESK}/", desk)) if not is_open)
        if site and (static / LOADER).is_file():
            found.append(_loader_route(static / LOADER, site))
        found.append(_Bundle(static, closed))
    return found


def _loader_route(loader: Path, site: dict[str, str]) -> Route:
    """Return the route of the loader for a site with `web_chat`.

    A function after the loader's code returns the attributes. JavaScript defines functions before it runs the code.
    """
    settings = b"\nfunction MANENT_SITE(){return" + msgspec.json.encode(site) + b"}\n"
    plain = loader.read_bytes() + settings
    packed = {"gzip": gzip.compress(plain, mtime=0)}
    unfinished = loader.with_name(f"{loader.name}.open.br")
    if unfinished.is_file():
        packed = {"br": append(unfinished.read_bytes(), settings), **packed}
    tag = f'"{hashlib.sha256(plain).hexdigest()[:32]}"'

    async def serve(request: Request) -> Response:
        headers = {**ASSET_HEADERS, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", "ETag": tag}
        known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
        if tag in known:
            return Response(status_code=304, headers=headers)
        accepted = _accepted(request)
        found = next((name for name in packed if name in accepted), None)
        if found is not None:
            headers["Content-Encoding"] = found
        return Response(plain if found is None else packed[found], headers=headers, media_type="text/javascript")

    return Route(f"/{LOADER}", serve)


class _Bundle(Mount):
    """Serves the bundle's files at the root.

    It matches only existing files. Other routes handle all other paths.
    """

    def __init__(self, static: Path, closed: tuple[str, ...]) -> None:
        super().__init__("/", self._serve)
        self._static = static
        self._closed = closed

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match requests for existing files."""
        if scope["type"] != "http" or self._file(scope["path"]) is None:
            return Match.NONE, {}
        return super().matches(scope)

    def _file(self, path: str) -> Path | None:
        """Return the file of a path, or None for a path outside the bundle and for pages that other routes serve."""
        segments = path.removeprefix("/").split("/")
        is_page = path.endswith(".html") or path.startswith(self._closed)
        if is_page or path.endswith(tuple(ENCODINGS.values())) or "\0" in path or {"", ".", ".."} & set(segments):
            return None
        file = self._static.joinpath(*segments)
        return file if file.is_file() else None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        file = self._file(scope["path"])
        if file is None:
            raise HTTPException(404)
        # Names in assets/ contain a hash of the file's content. All other names are the same in each release.
        cache = "public, max-age=31536000, immutable" if file.parent.name == "assets" else "no-cache"
        await _answer(request, file, {**ASSET_HEADERS, "Cache-Control": cache})(scope, receive, send)


def _page(request: Request, path: Path, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    common = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}
    return _answer(request, path, {**SECURITY_HEADERS, **common, **headers})


def _accepted(request: Request) -> set[str]:
    """Return the content codings that the client accepts."""
    return {
        name.strip()
        for name, _, quality in (item.partition(";") for item in request.headers.get("accept-encoding", "").split(","))
        if quality.strip() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    }


def _answer(request: Request, path: Path, headers: dict[str, str]) -> Response:
    """Return a file. It is compressed if the client accepts this and the build contains a compressed file."""
    accepted = _accepted(request)
    found = next(
        (
            name
            for name, suffix in ENCODINGS.items()
            if name in accepted and path.with_name(path.name + suffix).exists()
        ),
        None,
    )
    sent = path if found is None else path.with_name(path.name + ENCODINGS[found])
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Vary": "Accept-Encoding", **headers, **({} if found is None else {"Content-Encoding": found})}
    response = FileResponse(sent, headers=headers, media_type=media_type, stat_result=sent.stat())
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return NotModifiedResponse(response.headers) if response.headers["etag"] in known else response
