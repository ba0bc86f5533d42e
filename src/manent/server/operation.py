"""Describes a route for the OpenAPI document.

The handlers' modules declare operations, and `api/openapi.py` reads them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An HTTP method on a path.

    Attributes:
        path: the path in Starlette's notation, for example `/conversations/{sender_id:path}/tracker`.
        answer: type of a JSON response, media type of any other response, or None if the response is empty.
        also: a second media type that the response can have.
        body: type of a JSON request body, media type of any other body, or None if there is no body.
        query: a Struct whose fields are the query parameters.
        errors: HTTP status codes of the errors.
        error: type of error bodies. The default is `api/errors.Failure`.
        status: HTTP status of the response.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    answer: Any = None
    also: str | None = None
    body: Any = None
    query: type[msgspec.Struct] | None = None
    errors: tuple[int, ...] = ()
    error: Any = None
    status: int = 200

    def route(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
        """Return the route that serves this operation."""
        return Route(self.path, endpoint, methods=[self.method])
