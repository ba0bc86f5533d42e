"""Channel classes that were written for Rasa run unmodified."""

import asyncio
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import socketio
from aiohttp import web

from manent.core.errors import ProjectError
from manent.core.events import UserUttered
from manent.project.problems import Report, Spot
from manent.project.settings.credentials import read_channels
from manent.runtime import operations
from support.small_talk import Running, running, until

pytestmark = pytest.mark.filterwarnings("ignore:.*Passing the loop argument to listeners:DeprecationWarning")

FOLDER = Path(__file__).parents[2] / "assistants/rasa_channels"


@pytest.fixture(autouse=True)
def _connectors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's folder is on the import path, and nothing of it stays imported."""
    monkeypatch.syspath_prepend(str(FOLDER))
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] in ("rasa", "connectors")]:
        del sys.modules[name]


async def said(server: Running, sender_id: str) -> list[UserUttered]:
    """Return what the visitor said."""
    entries = await server.conversations.engine.store.entries(sender_id)
    return [entry.event for entry in entries if isinstance(entry.event, UserUttered)]


async def test_a_collecting_channel_with_options_and_metadata(tmp_path: Path) -> None:
    """The replies are in the answer; options, metadata, and the channel's message id reach the class and the log."""
    credentials = "rest:\nconnectors.chat.ChatInput:\n  token: t1\n"
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        headers = {"x-token": "t1", "x-agent": "a1"}
        body = {"user": "ada", "text": "count", "id": "m1"}
        answer = await http.post("/webhooks/chat/webhook", json=body, headers=headers)
        again = await http.post("/webhooks/chat/webhook", json=body, headers=headers)
        refused = await http.post("/webhooks/chat/webhook", json=body)
        health = await http.get("/webhooks/chat/")
        rest = await http.post("/webhooks/rest/webhook", json={"sender": "bob", "message": "hello"})
        events = await said(server, "ada")

    buttons = [{"title": "Go on", "payload": "/count"}, {"title": "Stop", "payload": "/greet"}]
    assert answer.json() == [{"recipient_id": "ada", "text": "One.\n\nTwo.", "buttons": buttons}]
    assert again.status_code == 200
    assert (refused.status_code, health.json(), rest.json()[0]["text"]) == (403, {"status": "ok"}, "Hello.")
    assert [(event.text, event.input_channel, event.metadata["agent"]) for event in events] == [("count", "chat", "a1")]


async def test_a_streaming_channel(tmp_path: Path) -> None:
    """Replies are written one by one from a queue, or collected, as the request asks."""
    body = {"sender": "ada", "message": "hello"}
    async with (
        running(tmp_path, credentials="connectors.stream.StreamInput:\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        streamed = await http.post("/webhooks/stream/webhook?stream=true", json=body)
        collected = await http.post("/webhooks/stream/webhook", json=body)
        health = await http.get("/webhooks/stream/")

    assert [json.loads(line) for line in streamed.text.splitlines()] == collected.json()
    assert collected.json() == [{"recipient_id": "ada", "text": "Hello."}]
    assert health.json() == {"status": "ok"}


async def test_an_output_class_several_routes_and_a_background_task(tmp_path: Path) -> None:
    """Replies go out through the class's own output, in order; other routes and tasks run; reminders are sent, too."""
    received: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/out", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    credentials = f"connectors.kiosk.KioskInput:\n  url: http://127.0.0.1:{runner.addresses[0][1]}/out\n"
    try:
        async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
            queued = await http.post("/webhooks/kiosk/webhook", json={"user": "ada", "text": "count"})
            await until(lambda: len(received) == 1)
            challenge = await http.get("/webhooks/kiosk/webhook", params={"challenge": "c5"})
            beats = await http.get("/webhooks/kiosk/beats")
            conversation = server.conversations.get("ada")
            entries = await operations.trigger(conversation, "ping")
            await operations.send_out(conversation, entries, "latest")
            await until(lambda: len(received) == 2)
    finally:
        await runner.cleanup()

    assert (queued.status_code, challenge.text) == (202, "c5")
    assert beats.json()["beats"] > 0
    assert received == [{"to": "ada", "text": "One.\n\nTwo.", "buttons": 2}, {"to": "ada", "text": "Ping."}]


async def test_a_subclass_of_the_rest_channel(tmp_path: Path) -> None:
    """Replaced parts are used, and the rest is Rasa's REST channel."""
    async with (
        running(tmp_path, credentials="connectors.shop_rest.ShopRest:\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        answer = await http.post(
            "/webhooks/shop/webhook", json={"message": "hello", "shop": "north"}, headers={"x-visitor": "ada"}
        )
        streamed = await http.post(
            "/webhooks/shop/webhook?stream=true", json={"message": "hello"}, headers={"x-visitor": "ada"}
        )
        events = await said(server, "ada")

    assert answer.json() == [{"recipient_id": "ada", "text": "Hello."}]
    assert [json.loads(line) for line in streamed.text.splitlines()] == answer.json()
    assert events[0].metadata["shop"] == "north"


async def test_a_help_desk_with_signatures(tmp_path: Path) -> None:
    """A signed message is answered at once, and the replies go to the help desk's API in order."""
    received: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        received.append((request.path, await request.json()))
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/accounts/7/conversations/{id}/messages", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    credentials = f"connectors.published.HelpdeskInput:\n  url: {url}\n  account: 7\n  secret: s1\n"
    event = {"message_type": "incoming", "content": "count", "conversation": {"id": 12}, "inbox": "web"}
    body = json.dumps(event).encode()
    signature = hmac.new(b"s1", body, hashlib.sha256).hexdigest()
    try:
        async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
            refused = await http.post("/webhooks/helpdesk/webhook", content=body)
            queued = await http.post("/webhooks/helpdesk/webhook", content=body, headers={"X-Signature": signature})
            await until(lambda: bool(received))
            events = await said(server, "12")
    finally:
        await runner.cleanup()

    items = [{"title": "Go on", "value": "/count"}, {"title": "Stop", "value": "/greet"}]
    sent = {"content": "One.\n\nTwo.", "content_type": "input_select", "items": items}
    assert (refused.status_code, queued.text) == (401, "success")
    assert received == [("/accounts/7/conversations/12/messages", sent)]
    assert [(each.input_channel, each.metadata["inbox"]) for each in events] == [("helpdesk", "web")]


async def test_a_rest_subclass_with_its_own_routes(tmp_path: Path) -> None:
    """One request can contain several messages, each of which is a turn."""
    async with (
        running(tmp_path, credentials="connectors.published.AppRest:\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        answer = await http.post("/webhooks/app/webhook", json={"sender": "ada", "messages": ["start", "hello"]})
        events = await said(server, "ada")

    assert answer.json() == [[{"recipient_id": "ada", "text": "Hello."}]] * 2
    assert [event.text for event in events] == ["/greet", "hello"]


async def test_a_subclass_of_the_callback_channel(tmp_path: Path) -> None:
    """The replies, and messages that no request waits for, are POSTed to the endpoint."""
    received: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/bot", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    credentials = f"connectors.published.SignedCallback:\n  url: http://127.0.0.1:{runner.addresses[0][1]}/bot\n"
    try:
        async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
            answer = await http.post("/webhooks/signed_callback/webhook", json={"sender": "ada", "message": "hello"})
            conversation = server.conversations.get("ada")
            entries = await operations.trigger(conversation, "ping")
            await operations.send_out(conversation, entries, "latest")
            await until(lambda: len(received) == 2)
            events = await said(server, "ada")
    finally:
        await runner.cleanup()

    assert answer.text == "success"
    assert received == [{"recipient_id": "ada", "text": "Hello."}, {"recipient_id": "ada", "text": "Ping."}]
    assert events[0].metadata["agent"].startswith("python-httpx")


async def test_a_socket_subclass_with_tokens(tmp_path: Path) -> None:
    """With `jwt_key`, only sockets with a valid token are accepted."""
    key = "k" * 32
    credentials = f"connectors.published.TokenSockets:\n  session_persistence: true\n  jwt_key: {key}\n"
    token = jwt.encode({"sub": "ada"}, key, "HS256")
    wrong = jwt.encode({"sub": "ada"}, "x" * 32, "HS256")
    got: list[Any] = []
    async with running(tmp_path, credentials=credentials) as server:
        for auth in (None, {}, {"token": wrong}, {"token": 5}):
            refused = socketio.AsyncClient(reconnection=False)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await refused.connect(server.url, auth=auth, wait_timeout=30)
            await refused.disconnect()
        client = socketio.AsyncClient(reconnection=False)
        client.on("bot_uttered", got.append)
        await client.connect(server.url, auth={"token": f"Bearer {token}"}, wait_timeout=30)
        try:
            message = {"message": "hello", "session_id": "ada", "custom": '{"page": "p1"}'}
            await client.emit("user_uttered", message)
            await until(lambda: len(got) == 1)
        finally:
            await client.disconnect()
        events = await said(server, "ada")

    assert got == [{"text": "Hello."}]
    assert events[0].metadata["page"] == "p1"


@pytest.mark.parametrize(("name", "path"), [("ShopSockets", "/socket.io"), ("OwnSockets", "/chat.io")])
async def test_subclasses_of_the_socket_channel(name: str, path: str, tmp_path: Path) -> None:
    """A class that replaces a part, and one that replaces the routes, serve their own sockets at their path."""
    credentials = f"connectors.shop_sockets.{name}:\n  session_persistence: true\n  socketio_path: {path}\n"
    got: list[Any] = []
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        client = socketio.AsyncClient()
        client.on("bot_uttered", got.append)
        client.on("session_confirm", got.append)
        await client.connect(server.url, socketio_path=path)
        try:
            await client.emit("session_request", {"session_id": "ada"})
            await until(lambda: len(got) == 1)
            await client.emit("user_uttered", {"message": "hello", "session_id": "ada", "page": "p1"})
            await until(lambda: len(got) == 2)
        finally:
            await client.disconnect()
        events = await said(server, "ada")
        page = (await http.get("/webchat/config.json")).json()

    assert got == ["ada", {"text": "Hello."}]
    assert events[0].metadata.get("page") == ("p1" if name == "ShopSockets" else None)
    assert page["socketPath"] != path


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("connectors.missing.MissingModule", "the module rasa.core.agent"),
        ("connectors.missing_name.MissingName", "cannot import name 'VoiceChannel'"),
    ],
)
def test_an_import_that_is_not_provided_is_an_error_at_its_line(section: str, found: str) -> None:
    """The error names the import and the page that lists what is provided."""
    report = Report(Path())
    read_channels(Spot({section: None}, "credentials.yml", 3, "", report))

    assert [(each.line, each.code) for each in report.errors] == [(3, "credentials.bad-channel")]
    assert found in report.errors[0].found
    assert "docs/extending.md" in report.errors[0].suggestion


@pytest.mark.parametrize(
    ("credentials", "found"),
    [
        ("connectors.chat.ChatInput:\n", "credentials.yml"),
        ("rest:\nconnectors.shop_rest.ShopRest:\nconnectors.chat.ChatInput: {}\n", "credentials.yml"),
        ("socketio:\nconnectors.shop_sockets.ShopSockets:\n", "/socket.io"),
    ],
)
async def test_contradictions_stop_the_start(credentials: str, found: str, tmp_path: Path) -> None:
    """Missing options, and two channels at one path, are errors at the start."""
    with pytest.raises(ProjectError, match=found):
        async with running(tmp_path, credentials=credentials):
            pass


async def test_a_failing_turn_is_an_error_for_the_channel(tmp_path: Path) -> None:
    """A message that is rejected raises in the class, which answers as it does in Rasa."""
    async with (
        running(tmp_path, credentials="connectors.chat.ChatInput:\n  token: t1\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        body = {"user": "x" * 300, "text": "hello"}
        answer = await http.post("/webhooks/chat/webhook", json=body, headers={"x-token": "t1"})
        await asyncio.sleep(0)

    assert answer.status_code == 500
