"""A cookie that load balancers can use to send all requests of a Socket.IO client to one server.

A client that begins with polling makes several requests for one connection, and only the server of the first one knows
it. The cookie is set on the first answer, if the request came through a proxy. Its value is random, or what the proxy
says in `X-Manent-Route`, so that a proxy can hash the same value for the first request and for those after it. The
page on deployment has configurations for nginx, HAProxy and Caddy.
"""

import re
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.types import Message, Scope, Send

COOKIE = "manent_route"
HEADER = b"x-manent-route"

_FROM_A_PROXY = frozenset({HEADER, b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"via"})
_VALUE = re.compile(r"[\w-]{1,64}", re.ASCII)


def with_route_cookie(scope: Scope, send: Send, *, path: str) -> Send:
    """Return a `send` that adds the cookie to the answer, unless the client has it or no proxy passed the request on.

    Args:
        scope: of the request that opens a connection.
        send: the ASGI server's.
        path: the path that the cookie is for.
    """
    headers = dict(scope["headers"])
    if not _FROM_A_PROXY & headers.keys() or _has_cookie(headers.get(b"cookie", b"").decode("latin-1")):
        return send
    given = headers.get(HEADER, b"").decode("latin-1")
    value = given if _VALUE.fullmatch(given) else secrets.token_urlsafe(16)
    # Pages of other sites, which embed the chat, send the cookie only with SameSite=None, which browsers accept with
    # Secure only.
    site = "SameSite=None; Secure" if scope["scheme"] in ("https", "wss") else "SameSite=Lax"
    cookie = f"{COOKIE}={value}; Path={path}; HttpOnly; {site}".encode()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie)]}
        await send(message)

    return sending


def _has_cookie(header: str) -> bool:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return False
    return found is not None and _VALUE.fullmatch(found.value) is not None
