"""`POST /admin/revoke`: revokes tokens before they expire.

The route works only with `--auth-token` or `--jwt-secret`.
"""

import time
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.conversation_log import Revocation
from manent.core.errors import RequestError
from manent.runtime.identity.revocations import Revocations
from manent.runtime.json_input import read_body
from manent.server.api.auth import Guard
from manent.server.operation import Operation

Name = Annotated[str, Meta(min_length=1, max_length=255)]
"""A subject or a token id. Its maximum length is the width of the database column."""


class RevokeRequest(msgspec.Struct, kw_only=True):
    """The tokens to revoke.

    Attributes:
        subject: revoke all tokens of this subject.
        token_id: revoke the token with this id (`jti`).
        issued_before: revoke only tokens that were issued before this time, in seconds since the epoch, or `"now"`.
        lift: true to lift an earlier revocation instead.
    """

    subject: Name | None = None
    token_id: Name | None = None
    issued_before: float | Literal["now"] | None = None
    lift: bool = False


class Done(msgspec.Struct, kw_only=True):
    """The response to a successful request."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": True})] = True


REVOKE = Operation(
    method="POST",
    path="/admin/revoke",
    summary="Revoke tokens before they expire",
    body=RevokeRequest,
    answer=Done,
    errors=(400, 401, 403),
)


def routes(revocations: Revocations, guard: Guard) -> list[Route]:
    """Return the route.

    Without `--auth-token` and `--jwt-secret`, it rejects every request, because anyone could lock out all users.
    """

    async def revoke(request: Request) -> Response:
        if guard.is_open:
            raise RequestError(
                "not_available",
                "tokens cannot be revoked: start the server with --auth-token or --jwt-secret",
                status=403,
            )
        guard.check(request)
        for revocation in _revocations(read_body(await request.body(), RevokeRequest)):
            await revocations.revoke(revocation)
        return Response(msgspec.json.encode(Done()), media_type="application/json")

    return [REVOKE.route(revoke)]


def _revocations(asked: RevokeRequest) -> list[Revocation]:
    before = time.time() if asked.issued_before == "now" else asked.issued_before
    found = []
    if asked.subject is not None:
        found.append(Revocation(kind="subject", value=asked.subject, before=before, lifted=asked.lift))
    if asked.token_id is not None:
        found.append(Revocation(kind="token", value=asked.token_id, before=before, lifted=asked.lift))
    if not found:
        raise RequestError("bad_request", "the body must contain a subject, a token_id, or both")
    if not all(revocation.value.isprintable() for revocation in found):
        raise RequestError("bad_request", "subject and token_id must be printable characters")
    return found
