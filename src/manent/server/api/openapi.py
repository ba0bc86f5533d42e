"""`/openapi.json`: the OpenAPI document of the HTTP API, generated from the operations that routes declare."""

import functools
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.core.events import Json
from manent.server import page
from manent.server.api import admin, conversations, evaluation, files, health, metrics, model, sessions, webhooks
from manent.server.api.errors import Failure
from manent.server.operation import Operation

OPENAPI = Operation(method="GET", path="/openapi.json", summary="This document", answer=dict[str, Any])

PUBLIC = (
    *page.OPERATIONS,
    *health.OPERATIONS,
    metrics.METRICS,
    OPENAPI,
    *webhooks.OPERATIONS,
    *files.OPERATIONS,
    *sessions.OPERATIONS,
    admin.REVOKE,
)
MANAGEMENT = (*conversations.OPERATIONS, *model.OPERATIONS, *evaluation.OPERATIONS)
"""Text that is added to the description of operations that require `--enable-api`."""

_SECURITY: list[Json] = [{"token": []}, {"jwt": []}]

SenderId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_:@+-][A-Za-z0-9_:@+.-]{0,254}$")]
"""Any string can be the id of a conversation. Ids that match this pattern need no escaping in a URL."""


def routes(*, management: bool, more: Sequence[Operation] = ()) -> list[Route]:
    """Return the route `/openapi.json`.

    The first request generates the document, because generating it at startup would slow down the start.
    """
    encoded = functools.cache(lambda: msgspec.json.encode(document(management=management, more=more)))

    async def openapi(_: Request) -> Response:
        return Response(encoded(), media_type="application/json")

    return [OPENAPI.route(openapi)]


def document(*, management: bool = True, more: Sequence[Operation] = ()) -> Json:
    """Return the document. With `management`, include the operations that require `--enable-api`.

    `more` are the operations of parts that only some servers have, such as the desk.
    """
    components: Json = {}
    paths = _describe((*PUBLIC, *more), components)
    if management:
        managed = _describe(MANAGEMENT, components)
        for item in managed.values():
            for operation in item.values():
                operation["security"] = _SECURITY
        paths |= managed
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Manent",
            "version": __version__,
            "description": "The HTTP API of a Manent server: session protocol, webhooks, and (with --enable-api) "
            "management.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "query", "name": "token"},
                "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _describe(operations: Iterable[Operation], components: Json) -> dict[str, Json]:
    """Return the document's paths, and add to `components` the schemas that they use."""
    paths: dict[str, Json] = {}
    for operation in operations:
        path = operation.path.replace(":any_text}", "}")
        paths.setdefault(path, {})[operation.method.lower()] = _describe_one(operation, components)
    return paths


def _describe_one(operation: Operation, components: Json) -> Json:
    content = _content(operation.answer, components)
    if operation.also is not None:
        content[operation.also] = {}
    responses: Json = {str(operation.status): {"description": _phrase(operation.status)}}
    if content:
        responses[str(operation.status)]["content"] = content
    failure = _content(operation.error or Failure, components) if operation.errors else {}
    for status in operation.errors:
        responses[str(status)] = {"description": _phrase(status), "content": failure}
    described: Json = {"summary": operation.summary, "responses": responses}
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body, components)}
    parameters: list[Json] = [
        {"name": field.name, "in": "query", "schema": _schema(field.type, components)}
        for field in (msgspec.structs.fields(operation.query) if operation.query else ())
    ]
    if "{sender_id" in operation.path:
        schema = _schema(SenderId, components)
        parameters.append({"name": "sender_id", "in": "path", "required": True, "schema": schema})
    if parameters:
        described["parameters"] = parameters
    return described


def _content(kind: Any, components: Json) -> Json:
    if kind is None:
        return {}
    return {kind: {}} if isinstance(kind, str) else {"application/json": {"schema": _schema(kind, components)}}


def _schema(kind: Any, components: Json) -> Json:
    """Return a type's JSON schema, and add to `components` the schemas of its Structs.

    Raises:
        ValueError: two different Structs have the same name.
    """
    (schema,), found = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    for name, component in found.items():
        if components.setdefault(name, component) != component:
            raise ValueError(f"two different Structs in the API have the name {name}")
    return schema


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
