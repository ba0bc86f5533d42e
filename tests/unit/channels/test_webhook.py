"""What every HTTP webhook channel does with a request."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from manent.channels.inbox import bearer_token
from support.small_talk import running

URL = "/webhooks/rest/webhook"


@pytest.mark.parametrize(
    ("header", "token"),
    [(None, None), ("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("abc", None)],
)
def test_token_is_that_of_the_bearer_scheme(header: str | None, token: str | None) -> None:
    """Other schemes, and a token without one, are no token."""
    headers = [] if header is None else [(b"authorization", header.encode())]

    assert bearer_token(Request({"type": "http", "headers": headers})) == token


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"[" * 200, "too deeply"),
        (b"{", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"message": 1}', '"message"'),
        (b'{"message": "x", "input_channel": 1}', "input_channel"),
    ],
)
async def test_a_bad_body_is_answered_with_what_is_wrong(tmp_path: Path, body: bytes, found: str) -> None:
    """Status 400, and a sentence that names the place."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.post(URL, content=body)

    assert answer.status_code == 400
    assert found in answer.json()["message"]


@pytest.mark.parametrize(("body", "sender"), [({}, "default"), ({"sender": 7}, "7"), ({"sender": "ada"}, "ada")])
async def test_the_sender_is_rasas(tmp_path: Path, body: dict[str, Any], sender: str) -> None:
    """Without a sender it is `default`; a number is its digits."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.post(URL, json={"message": "hello", **body})

    assert answer.json() == [{"recipient_id": sender, "text": "Hello."}]


async def test_both_webhooks_have_the_same_routes(tmp_path: Path) -> None:
    """A channel takes POST at its webhook, and answers at its root that it is there."""
    credentials = "rest:\ncallback:\n  url: http://127.0.0.1:9/bot\n"
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        health = [(await http.get(f"/webhooks/{name}/")).json() for name in ("rest", "callback")]
        wrong = [(await http.get(f"/webhooks/{name}/webhook")).status_code for name in ("rest", "callback")]

    assert health == [{"status": "ok"}] * 2
    assert wrong == [405] * 2
