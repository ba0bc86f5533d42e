"""How an error answers an HTTP request, in the shape that Rasa's API gives its errors (contract §8)."""

import http
import logging

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from manent import __version__
from manent.core.errors import InternalError, ManentError, RequestError

log = logging.getLogger("manent.http")

_REASONS = {400: "BadRequest", 401: "NotAuthenticated", 403: "NotAuthorized", 404: "NotFound", 409: "Conflict"}


def error_response(error: ManentError) -> Response:
    """Return the answer to a request that met this error."""
    body = {
        "version": __version__,
        "status": "failure",
        "message": error.message,
        "reason": _REASONS.get(error.status) or http.HTTPStatus(error.status).phrase.replace(" ", ""),
        "details": {"error": error.code},
        "help": None,
        "code": error.status,
    }
    headers = {}
    if isinstance(error, RequestError) and error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return Response(msgspec.json.encode(body), error.status, headers, media_type="application/json")


async def answer(_: Request, error: Exception) -> Response:
    """Answer with an error that was raised on purpose."""
    assert isinstance(error, ManentError)  # noqa: S101  # it is registered for these
    return error_response(error)


async def answer_unexpected(request: Request, error: Exception) -> Response:
    """Answer with a fault of ours, which the server's framework logs with its traceback."""
    log.error("request failed", extra={"path": request.url.path, "error": type(error).__name__})
    return error_response(InternalError("internal_error", "the request could not be served"))
