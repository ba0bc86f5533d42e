"""`POST /admin/revoke`: tokens that count no more before they run out. Works only behind `--auth-token` or a JWT."""

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.conversation_log import Revocation
from manent.core.errors import RequestError
from manent.core.events import Json
from manent.runtime.identity.revocations import Revocations
from manent.runtime.json_input import read_json_object
from manent.server.api.auth import Guard

MAX_VALUE = 255
"""Characters of a subject or a token id; the database column's width."""


def routes(revocations: Revocations, guard: Guard) -> list[Route]:
    """Return the route; a server without a token of its own refuses, because anybody could lock anybody out."""

    async def revoke(request: Request) -> Response:
        if guard.is_open:
            raise RequestError("not_available", "revoking needs a server with --auth-token or --jwt-secret", status=403)
        guard.check(request)
        body = read_json_object(await request.body())
        asked = [
            Revocation(kind="subject" if name == "subject" else "token", value=_name(body[name], name), **_how(body))
            for name in ("subject", "token_id")
            if body.get(name) is not None
        ]
        if not asked:
            raise RequestError("bad_request", "the body needs a subject, or a token_id, or both")
        for revocation in asked:
            await revocations.revoke(revocation)
        return Response(msgspec.json.encode({"ok": True}), media_type="application/json")

    return [Route("/admin/revoke", revoke, methods=["POST"])]


def _name(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_VALUE or not value.isprintable():
        raise RequestError("bad_request", f"{name} must be a string of 1 to {MAX_VALUE} characters")
    return value


def _how(body: Json) -> dict[str, Any]:
    """Read `issued_before` (only tokens older than that; `"now"`: all there are so far) and `lift`."""
    before, lift = body.get("issued_before"), body.get("lift", False)
    if before == "now":
        before = time.time()
    if not isinstance(before, int | float | None) or isinstance(before, bool):
        raise RequestError("bad_request", 'issued_before must be a time in seconds since the epoch, or "now"')
    if not isinstance(lift, bool):
        raise RequestError("bad_request", "lift must be true or false")
    return {"before": before, "lifted": lift}
