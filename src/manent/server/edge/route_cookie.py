"""A cookie that load balancers can use to send all requests of a Socket.IO client to one server.

A client that starts with polling sends several requests for one connection, and only the server that received the first
request can serve the others. If that request came through a proxy, the response sets the cookie. Its value is random or
is the value of the header `X-Manent-Route`, which a proxy can set if it selects servers by a hash of this value.
`docs/operations/several-servers.md` describes configurations for nginx, HAProxy and Caddy.
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
    """Return a `send` that adds the cookie to the response, unless the client already has it or there is no proxy.

    Args:
        scope: the ASGI scope of the request that opens a connection.
        send: the `send` of the ASGI server.
        path: the path of the cookie.
    """
    headers = dict(scope["headers"])
    if not _FROM_A_PROXY & headers.keys() or _has_cookie(headers.get(b"cookie", b"").decode("latin-1")):
        return send
    given = headers.get(HEADER, b"").decode("latin-1")
    value = given if _VALUE.fullmatch(given) else secrets.token_urlsafe(16)
    # If another site's page embeds the chat, browsers send the cookie only with SameSite=None, which requires Secure.
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
