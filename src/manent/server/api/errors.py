"""Converts errors to HTTP responses in the format of Rasa's API errors (contract §8)."""

import http
import logging
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from manent import __version__
from manent.core.errors import InternalError, ManentError
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note

log = logging.getLogger("manent.http")

_REASONS = {400: "BadRequest", 401: "NotAuthenticated", 403: "NotAuthorized", 404: "NotFound", 409: "Conflict"}
_REASONS_OF_CODES = {
    "unknown_conversation": "Not found",
    "unknown_action": "ConversationError",
    "training_failed": "TrainingError",
}
"""Error codes whose `reason` in Rasa's API differs from the reason phrase of the HTTP status."""


class Failure(msgspec.Struct, kw_only=True):
    """An error in the format of Rasa's API. `details.error` is its code."""

    version: str
    status: Literal["failure"] = "failure"
    message: str
    reason: str
    details: dict[str, Any]
    help: str | None = None
    code: int


class RefusalReason(msgspec.Struct, kw_only=True):
    """The reason why a request of the session protocol failed. The client can retry after `retry_after` seconds."""

    code: str
    message: str
    retry_after: float | UnsetType = UNSET


class Refusal(msgspec.Struct, kw_only=True):
    """An error in the format of the session protocol."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": False})]
    error: RefusalReason


def error_response(error: ManentError) -> Response:
    """Return the response for an error."""
    reason = _REASONS_OF_CODES.get(error.code) or _REASONS.get(error.status)
    body = Failure(
        version=__version__,
        message=error.message,
        reason=reason or http.HTTPStatus(error.status).phrase.replace(" ", ""),
        details={"error": error.code},
        code=error.status,
    )
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return Response(msgspec.json.encode(body), error.status, headers, media_type="application/json")


async def answer(request: Request, error: Exception) -> Response:
    """Return the response for a `ManentError`."""
    assert isinstance(error, ManentError)  # noqa: S101  # the handler is registered only for this class
    note(error, way=request.scope["method"], address=address_of(request.client.host if request.client else None))
    return error_response(error)


async def answer_unexpected(request: Request, error: Exception) -> Response:
    """Return the response for an unexpected exception. Starlette logs the traceback."""
    log.error("request failed", extra={"path": request.url.path, "error": type(error).__name__})
    return error_response(InternalError("internal_error", "internal error; the server log contains the details"))


async def answer_nobody(_: Request, error: Exception) -> Response:
    """End a request whose client disconnected before it sent the whole body. The response is not sent."""
    log.debug("a client disconnected", exc_info=error)
    return Response(status_code=400)


async def answer_http(request: Request, error: Exception) -> Response:
    """Return the response for an unknown path: a line of text, or a JSON object if the client sent JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101  # the handler is registered only for this class
    phrase = http.HTTPStatus(error.status_code).phrase
    message = f"{phrase}: {request.method} {request.url.path}"
    if request.headers.get("content-type", "").startswith("application/json"):
        body = {"description": phrase, "status": error.status_code, "message": message}
        return Response(msgspec.json.encode(body), error.status_code, error.headers, media_type="application/json")
    return PlainTextResponse(f"{error.status_code} {message}\n", error.status_code, error.headers)
