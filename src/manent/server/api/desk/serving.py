"""Serves one request to the desk: who sends it, whether the role permits it, and the JSON of answers and errors."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.core.handler import HandlerConflict
from manent.desk.access import Right, check_right
from manent.desk.desk import Desk
from manent.desk.identity import Person, check_csrf
from manent.desk.views import head_json
from manent.runtime.json_input import read_body
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note

T = TypeVar("T")

API: Final = "/desk/api/v1"
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_SENDER_ID: Final = 255
_SAFE: Final = ("GET", "HEAD")

Serve = Callable[[Request, Person], Awaitable[Any]]

_encode = msgspec.json.Encoder(enc_hook=str).encode


def endpoint(desk: Desk, right: Right, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of a route. `serve` returns a JSON value or a response.

    Args:
        desk: the desk.
        right: the right that the request needs.
        serve: serves a request of a person who has the right.
    """

    async def answer(request: Request) -> Response:
        try:
            person = await person_of(desk, request)
            check_right(person.member.role, right)
            found = await serve(request, person)
        except ManentError as error:
            return refusal(request, error)
        return found if isinstance(found, Response) else json_response(found)

    return answer


async def person_of(desk: Desk, request: Request) -> Person:
    """Return who sends a request. Check that a page of the desk sends it, and not another site.

    Raises:
        RequestError: `not_authenticated`, `not_authorized`, `foreign_origin`, `csrf`, or an error of the token.
    """
    person = await desk.identity.person(request.headers, request.cookies, client_address(request))
    if person.token is not None:
        check_origin(desk, request)
        if request.method not in _SAFE:
            check_csrf(person, request.headers.get("x-csrf-token"))
    return person


def check_origin(desk: Desk, request: Request) -> None:
    """Check that a browser does not send the request from a page of another site.

    Raises:
        RequestError: `foreign_origin`.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return
    own = {request.headers.get("host", "").lower()}
    if desk.options.public_url is not None:
        own.add(urlsplit(desk.options.public_url).netloc.lower())
    if urlsplit(origin).netloc.lower() not in own:
        raise RequestError("foreign_origin", "pages of other sites may not use the desk", status=403)


def client_address(request: Request) -> str:
    """Return the key of the client's address for rate limits."""
    return address_of(request.client.host if request.client else None)


def is_secure(desk: Desk, request: Request) -> bool:
    """Return whether the browser uses TLS, so that cookies can be `Secure`."""
    return request.url.scheme == "https" or (desk.options.public_url or "").startswith("https://")


def refusal(request: Request, error: ManentError) -> Response:
    """Return the response for an error, and log it."""
    note(error, way="desk", address=client_address(request))
    shown: Json = {"code": error.code, "message": error.message}
    headers = {}
    if error.retry_after is not None:
        shown["retry_after"] = error.retry_after
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    body: Json = {"ok": False, "error": shown}
    if isinstance(error, HandlerConflict):
        body["head"] = head_json(error.head)
    return json_response(body, error.status, headers)


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response, which is never cached."""
    return Response(_encode(body), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


async def body_of(request: Request, kind: type[T]) -> T:
    """Return the JSON body. An empty body is an empty object.

    Raises:
        RequestError: `bad_request`.
    """
    return read_body(await request.body() or b"{}", kind)


def limit_of(request: Request) -> int:
    """Return the parameter `limit`.

    Raises:
        RequestError: `bad_request`.
    """
    limit = number_of(request, "limit")
    if limit is None:
        return DEFAULT_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise RequestError("bad_request", f"limit must be a number from 1 to {MAX_LIMIT}")
    return limit


def number_of(request: Request, name: str) -> int | None:
    """Return a parameter of the query that is a whole number, or None without it.

    Raises:
        RequestError: `bad_request`.
    """
    given = request.query_params.get(name)
    if given is None or given == "":
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 18:  # noqa: PLR2004  # digits of a 64-bit number
        raise RequestError("bad_request", f"{name} must be a whole number")
    return int(given)


def time_of(request: Request, name: str) -> float | None:
    """Return a parameter of the query that is a time in seconds since the epoch, or None without it.

    Raises:
        RequestError: `bad_request`.
    """
    given = request.query_params.get(name)
    if given is None or given == "":
        return None
    try:
        time = float(given)
    except ValueError:
        time = float("nan")
    if not abs(time) < 1e12:  # noqa: PLR2004  # also refuses NaN
        raise RequestError("bad_request", f"{name} must be a time in seconds since the epoch")
    return time


def segments_of(request: Request) -> list[str]:
    """Return the segments of the path behind `/conversations/`, decoded once. A segment may contain slashes."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    path = raw.split(b"?", 1)[0].decode("latin-1")
    _, _, rest = path.partition(f"{API}/conversations/")
    return [unquote(segment, errors="replace") for segment in rest.rstrip("/").split("/")]


def sender_id_of(segments: list[str]) -> str:
    """Return the id of the conversation in a path.

    Raises:
        RequestError: `unknown_conversation`.
    """
    sender_id = segments[0] if segments else ""
    if not 1 <= len(sender_id) <= MAX_SENDER_ID or "\0" in sender_id:
        raise RequestError("unknown_conversation", "unknown conversation id", status=404)
    return sender_id
