"""Describes a route for the OpenAPI document.

The modules of the handlers declare operations, and `api/openapi.py` reads them.
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
    """One method of one path.

    Attributes:
        path: the path in Starlette's notation, for example `/conversations/{sender_id:path}/tracker`.
        answer: type of the JSON answer, or a media type for another kind of answer. None: the answer has no content.
        also: a second media type of the answer.
        body: type of the JSON body, or a media type. None: there is no body.
        query: a Struct whose fields are the parameters of the query.
        errors: statuses of the errors.
        error: type of the body of errors. None: the usual type (`api/errors.Failure`).
        status: status of the answer.
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
