"""The document of the HTTP API is true: it names every route, and the server keeps to it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from starlette.routing import Route

from manent.server.api.openapi import document
from support.small_talk import Actions, running


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a server with everything on."""
    credentials = "rest:\ncallback:\n  url: http://127.0.0.1:9/\nsocketio:\n  session_persistence: true\n"
    async with running(tmp_path, credentials=credentials, enable_api=True, actions=Actions()) as server:
        yield server.url


async def test_every_route_is_described_and_every_description_served(tmp_path: Path) -> None:
    """The document and the routes contain the same paths and methods."""
    credentials = "rest:\ncallback:\n  url: http://127.0.0.1:9/\nsocketio:\n"
    async with running(tmp_path, credentials=credentials, enable_api=True) as server:
        starlette: Any = server.application.asgi.app.other_asgi_app
        routes = [route for route in starlette.routes if isinstance(route, Route)]
    served = {
        (method.lower(), re.sub(r":(path|any_text)}", "}", route.path))
        for route in routes
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(method, path) for path, item in document()["paths"].items() for method in item}
    unlisted = {path for _, path in served - described}

    assert described - served == set()
    assert unlisted == {
        "/sessions/{request}",  # the answer to unknown requests
        *(f"/webhooks/{channel}" for channel in ("socketio", "rest", "callback")),  # the same without the last slash
    }


async def test_a_desk_is_described(tmp_path: Path) -> None:
    """A server with a desk describes the requests of its API, and serves each of them to members only."""
    async with running(tmp_path, endpoints="desk: {}\n") as server, httpx.AsyncClient(base_url=server.url) as http:
        shown = (await http.get("/openapi.json")).json()
        paths = {path: item for path, item in shown["paths"].items() if path.startswith("/desk/")}
        for path, item in paths.items():
            for method in item:
                answer = await http.request(method, re.sub(r"{\w+}", "x", path))
                wanted = 404 if path.endswith("/bridges/chatwoot") else 401  # the bridge is not configured
                assert answer.status_code == wanted, (method, path)

    assert len(paths) > 20
    assert not any(path.startswith("/desk") for path in document()["paths"])


async def test_document_is_served(url: str) -> None:
    """The server serves its document with all references."""
    async with httpx.AsyncClient(base_url=url) as http:
        shown = (await http.get("/openapi.json")).json()

    assert shown["openapi"] == "3.1.0"
    named = set(re.findall(r"#/components/schemas/(\w+)", str(shown)))
    assert named == set(shown["components"]["schemas"])


async def test_without_the_api_its_routes_are_not_described() -> None:
    """Without `--enable-api`, the document describes only the routes that are served."""
    paths = document(management=False)["paths"]

    assert "/webhooks/rest/webhook" in paths
    assert not any(path.startswith(("/conversations", "/model", "/domain", "/status")) for path in paths)


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
LEFT_OUT = r"^/(model|model/train|model/test/\w+|openapi.json|metrics|webhooks/callback/webhook|sessions/events)$"
"""Unloads the model, trains for seconds, waits for a server elsewhere, or waits: not for hundreds of requests."""


async def test_server_keeps_to_its_document(url: str) -> None:
    """All responses, also to invalid requests, match the document, and none has a status from 500."""
    await asyncio.to_thread(_fuzz, url, 3)


@pytest.mark.slow
async def test_server_keeps_to_its_document_at_length(url: str) -> None:
    """As above, with many more requests."""
    await asyncio.to_thread(_fuzz, url, 150)


def _fuzz(url: str, tries: int) -> None:
    schemathesis.checks.load_all_checks()
    checks = [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS]
    chosen = settings(
        max_examples=tries,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    schema = schemathesis.openapi.from_dict(document()).exclude(path_regex=LEFT_OUT)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 20
    for operation in operations:
        if operation.path == "/conversations/{sender_id}/execute":
            continue  # an unknown action is a 500 there, as in Rasa's API

        def check(case: Any) -> None:
            case.call_and_validate(base_url=url, checks=checks)

        given(operation.as_strategy())(chosen(check))()
