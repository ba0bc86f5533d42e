"""The REST channel, over real HTTP."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.channels.replies import replies_of
from manent.core.events import BotUttered, Json
from manent.dialogue.steps import ActionResult
from manent.runtime.ports.actions import ActionCall
from support.small_talk import Actions, running, until

URL = "/webhooks/rest/webhook"


@pytest.mark.parametrize(
    ("text", "data", "pieces"),
    [
        ("one\n\ntwo\nthree", {}, [{"text": "one"}, {"text": "two\nthree"}]),
        ("a\n\nb", {"buttons": [{"title": "x", "k": 1}]}, [{"text": "a\n\nb", "buttons": [{"title": "x", "k": 1}]}]),
        ("a", {"quick_replies": [{"title": "q"}]}, [{"text": "a", "buttons": [{"title": "q"}]}]),
        (None, {"buttons": [{"title": "x"}]}, [{"buttons": [{"title": "x"}]}]),
        ("", {}, []),
        (
            "t",
            {"image": "i", "custom": {"c": 1}, "attachment": {"a": 1}},
            [{"text": "t"}, {"custom": {"c": 1}}, {"image": "i"}, {"attachment": {"a": 1}}],
        ),
        ("", {"buttons": [{"title": "b"}]}, [{"text": "", "buttons": [{"title": "b"}]}]),
        (None, {"buttons": [{"title": "b"}]}, [{"buttons": [{"title": "b"}]}]),
        (
            None,
            {"elements": [{"title": "T", "subtitle": "S", "buttons": [{"title": "b"}]}, {"title": "U"}]},
            [{"text": "T : S", "buttons": [{"title": "b"}]}, {"text": "U : ", "buttons": []}],
        ),
    ],
)
def test_replies_are_rasas(text: str | None, data: Json, pieces: list[Json]) -> None:
    """A bot event is shown in the pieces, the order and the keys of Rasa's REST channel."""
    shown = replies_of("ada", BotUttered(text=text, data=data))

    assert shown == [{"recipient_id": "ada", **piece} for piece in pieces]


async def test_message_and_its_repetition(tmp_path: Path) -> None:
    """The answer has the replies; the same `message_id` again gets the same ones, and runs nothing."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        body = {"sender": "ada", "message": "count", "message_id": "m1"}
        first, again = await http.post(URL, json=body), await http.post(URL, json=body)
        head = await server.conversations.engine.store.head("ada")
        default = await http.post(URL, json={"message": "hello"})
        number = await http.post(URL, json={"sender": 7, "message": "hello"})

    assert first.json() == again.json()
    assert first.json()[0]["text"] == "One.\n\nTwo."
    assert head is not None
    assert head.version == 8
    assert (default.json()[0]["recipient_id"], number.json()[0]["recipient_id"]) == ("default", "7")


async def test_bad_bodies_are_named(tmp_path: Path) -> None:
    """What is not a message is refused with 400 and a sentence, never with silence."""
    bodies: list[bytes] = [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"message": null}',
        b'{"message": 5}',
        b'{"message": "x", "sender": {}}',
        b'{"message": "x", "sender": ""}',
        b'{"message": "x", "metadata": "y"}',
        b'{"message": "x", "input_channel": 5}',
        b'{"message": "x", "message_id": 5}',
        b"[" * 100_000,
    ]
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        answers = [await http.post(URL, content=body) for body in bodies]
        long = await http.post(URL, json={"message": "x" * 64_001})

    assert [answer.status_code for answer in answers] == [400] * len(bodies)
    assert all(answer.json()["message"] for answer in answers)
    assert long.status_code == 413


async def test_stream_sends_each_reply_when_it_is_there(tmp_path: Path) -> None:
    """A streamed answer begins before the turn is over, with one JSON object a line."""
    actions = Actions(
        hold=asyncio.Event(), work=lambda _: ActionResult(responses=({"text": "First."}, {"text": "Second."}))
    )
    async with (
        running(tmp_path, actions=actions) as server,
        httpx.AsyncClient(base_url=server.url) as http,
        http.stream("POST", f"{URL}?stream=true", json={"sender": "ada", "message": "work"}) as answer,
    ):
        assert actions.hold is not None
        await until(lambda: bool(actions.calls))
        actions.hold.set()
        lines = [line async for line in answer.aiter_lines()]

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert lines[0] == '{"recipient_id": "ada", "text": "First."}'
    assert [json.loads(line)["text"] for line in lines] == ["First.", "Second."]


async def test_metadata_reaches_the_action(tmp_path: Path) -> None:
    """What a client sends along is the action's to read."""
    seen: list[Any] = []

    def work(call: ActionCall) -> ActionResult:
        seen.append(call.tracker["latest_message"]["metadata"])
        return ActionResult()

    async with (
        running(tmp_path, actions=Actions(work=work)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        await http.post(URL, json={"sender": "ada", "message": "work", "metadata": {"page": "/cart"}})

    assert seen[0]["page"] == "/cart"


async def test_open_rest_does_not_open_minted_conversations(tmp_path: Path) -> None:
    """Whoever learns the id of a minted conversation neither reads nor speaks in it over REST without its token."""
    credentials = "rest:\nsocketio:\n  session_persistence: true\n  session_identity: minted\n"
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        mine = (await http.post("/sessions/session_request", json={"protocol": 1})).json()
        stranger = await http.post(URL, json={"sender": mine["session_id"], "message": "hello"})
        owner = await http.post(
            URL,
            json={"sender": mine["session_id"], "session_token": mine["session_token"], "message": "hello"},
        )
        other = await http.post(URL, json={"sender": "anybody", "message": "hello"})

    assert (stranger.status_code, owner.status_code, other.status_code) == (403, 200, 200)


async def test_health_with_and_without_slash(tmp_path: Path) -> None:
    """Every channel says that it is there."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        answers = [
            await http.get(f"/webhooks/{path}") for path in ("rest/", "rest", "socketio/", "socketio", "callback/")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404]
    assert answers[0].json() == {"status": "ok"}


async def test_rest_is_served_when_it_is_configured(tmp_path: Path) -> None:
    """Only the channels that credentials.yml names are open to other programs."""
    async with running(tmp_path, credentials="socketio:\n") as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.post(URL, json={"message": "hello"})

    assert answer.status_code == 404
