"""The request with which the page of `manent run --demo` kills the server, to show that the conversation continues.

Served only with `--demo`, and accepted only from a page of this server in a browser on the same computer. Without these
checks, a page on another site could end the server through the visitor's browser.
"""

import ipaddress
import os
import signal
from typing import Any
from urllib.parse import urlsplit

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

PATH = "/demo/kill"


def routes() -> list[BaseRoute]:
    """Return the route that kills the server."""
    return [Route(PATH, _kill, methods=["POST"])]


def describe_process(request: Request) -> dict[str, Any]:
    """Return what the demo's page needs: the server's process id, and whether this browser may kill the server."""
    is_local = _is_local(request)
    return {"demo": {"pid": os.getpid() if is_local else 0, "kill": is_local}}


async def _kill(request: Request) -> Response:
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if not _is_local(request) or request.headers.get("origin") != origin:
        reason = "only the page of this server, opened at http://localhost on the same computer, can kill the server"
        return JSONResponse({"code": "not_local", "message": reason}, 403)
    return JSONResponse({"pid": os.getpid()}, 202, background=BackgroundTask(_end))


async def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _is_local(request: Request) -> bool:
    """Return whether the browser is on this computer and uses a local name, which another site cannot choose."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    has_local_name = name == "localhost" or _is_loopback(name)
    return has_local_name and request.client is not None and _is_loopback(request.client.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
