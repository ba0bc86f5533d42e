"""The callback channel's guarantees: replies are sent from the log, in order, again after errors, and never lost.

`tests/unit/channels/test_callback.py` tests the requests and responses.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from manent.core.events import BotUttered
from manent.runtime import operations
from support.messengers import ADA, delivered
from support.platforms import platform_of
from support.small_talk import Running, running, until

URL = "/webhooks/callback/webhook"


class Listener:
    """The project's server. It answers with `status`, or with the statuses in `faults` first.

    Attributes:
        url: its address.
        accepted: the replies that it accepted.
        keys: the idempotency key of each attempt.
        faults: statuses of the next answers. 0: it accepts the reply and closes the connection.
        hold: conversations whose replies wait, until the event is set.
    """

    def __init__(self) -> None:
        self.url = ""
        self.accepted: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.faults: list[int] = []
        self.held = ""
        self.hold = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        """Answer one request."""
        reply = await request.json()
        self.keys.append(request.headers["Idempotency-Key"])
        if reply["recipient_id"] == self.held:
            await self.hold.wait()
        fault = self.faults.pop(0) if self.faults else 200
        if fault in (0, 200):
            self.accepted.append(reply)
        if fault == 0:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=fault or 200, headers={"Retry-After": "1"} if fault == 429 else {})

    def shown(self, sender: str = "ada") -> list[str]:
        """Return the texts of the replies to a sender."""
        return [reply.get("text", "") for reply in self.accepted if reply["recipient_id"] == sender]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener on a free port."""
    one = Listener()
    app = web.Application()
    app.router.add_post("/bot", one.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/bot"
    yield one
    one.hold.set()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def serving(root: Path, listener: Listener, **options: Any) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    """Serve the assistant with the channels callback and rest."""
    async with (
        running(root, credentials=f"rest:\ncallback:\n  url: {listener.url}\n", **options) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as http,
    ):
        yield server, http


async def say(http: httpx.AsyncClient, text: str, sender: str = "ada", **more: Any) -> int:
    """Send a message over the callback channel and return the status of the response."""
    return (await http.post(URL, json={"sender": sender, "message": text, **more})).status_code


@pytest.mark.point(3)
async def test_a_message_delivered_ten_times_is_one_turn(tmp_path: Path, listener: Listener) -> None:
    """With a `message_id`, requests to two servers at the same time are one turn, and each is answered `success`."""
    async with serving(tmp_path, listener) as (_, http), serving(tmp_path, listener) as (_, other):
        asked = [say(client, "hello", message_id="1") for client in (http, other) for _ in range(5)]
        assert await asyncio.gather(*asked) == [200] * 10
    assert listener.shown() == ["Hello."]


@pytest.mark.point(4)
@pytest.mark.usefixtures("quick_retries")
async def test_a_committed_reply_survives_a_crash(tmp_path: Path, listener: Listener) -> None:
    """A reply that the server at `url` did not accept is sent after the next start, once."""
    listener.faults = [503] * 1_000
    async with serving(tmp_path, listener) as (_, http):
        assert await say(http, "hello") == 500
    listener.faults.clear()
    async with serving(tmp_path, listener):
        await until(lambda: listener.shown() == ["Hello."])
        await asyncio.sleep(0.3)
    assert listener.shown() == ["Hello."]
    assert len(set(listener.keys)) == 1


@pytest.mark.point(4)
async def test_another_server_sends_what_is_left(tmp_path: Path, listener: Listener) -> None:
    """A server that runs with the same store sends the reply of a server that has stopped."""
    async with serving(tmp_path, listener), serving(tmp_path, listener) as (server, http):
        assert server.application.channels.sender is not None
        await server.application.channels.sender.close()
        asked = asyncio.create_task(say(http, "hello"))
        await until(lambda: listener.shown() == ["Hello."])
        assert await asked == 200


@pytest.mark.point(4)
@pytest.mark.usefixtures("quick_retries")
async def test_an_uncertain_send_is_repeated_and_recorded(tmp_path: Path, listener: Listener) -> None:
    """If the connection breaks before the answer, the reply is sent again with the same key and recorded."""
    listener.faults = [0]
    async with serving(tmp_path, listener) as (server, http):
        assert await say(http, "hello") == 500
        await until(lambda: len(listener.keys) == 2)
        assert len(set(listener.keys)) == 1
        assert await say(http, "I am Ada") == 200
        [uncertain] = await server.conversations.engine.store.undelivered("ada")
    assert uncertain.is_uncertain
    assert listener.shown() == ["Hello.", "Hello.", "Hello, Ada."]


@pytest.mark.point(4)
@pytest.mark.usefixtures("quick_retries")
async def test_order_is_kept(tmp_path: Path, listener: Listener) -> None:
    """Replies arrive in the order of the log, also when the server at `url` rejects some at first."""
    listener.faults = [503, 429, 503]
    async with serving(tmp_path, listener, enable_api=True) as (_, http):
        for text in ("hello", "count", "I am Ada"):
            await say(http, text)
        await http.post("/conversations/ada/trigger_intent?output_channel=callback", json={"name": "ping"})
        await until(lambda: len(listener.shown()) == 4)
    assert listener.shown() == ["Hello.", "One.\n\nTwo.", "Hello, Ada.", "Ping."]


@pytest.mark.point(4)
async def test_only_its_own_messages_are_sent(tmp_path: Path, listener: Listener) -> None:
    """What the bot answers over REST in the same conversation is not posted, also not by a later turn."""
    async with serving(tmp_path, listener, enable_api=True) as (_, http):
        rest = {"sender": "ada", "message": "hello"}
        assert (await http.post("/webhooks/rest/webhook", json=rest)).status_code == 200
        assert await say(http, "I am Ada") == 200
        assert (await http.post("/webhooks/rest/webhook", json=rest)).status_code == 200
        url = "/conversations/ada/tracker/events?execute_side_effects=true&output_channel=callback"
        assert (await http.post(url, json={"event": "bot", "text": "By hand."})).status_code == 200
        await http.post("/conversations/ada/tracker/events", json={"event": "bot", "text": "Only in the log."})
        assert await say(http, "count") == 200
    assert listener.shown() == ["Hello, Ada.", "By hand.", "One.\n\nTwo."]


@pytest.mark.point(5)
async def test_a_rate_limit_is_honoured(tmp_path: Path, listener: Listener) -> None:
    """After 429, the reply waits as long as the server at `url` asks."""
    listener.faults = [429]
    async with serving(tmp_path, listener) as (_, http):
        began = asyncio.get_running_loop().time()
        assert await say(http, "hello") == 500
        await until(lambda: listener.shown() == ["Hello."])
        assert asyncio.get_running_loop().time() - began > 0.8
    assert len(listener.keys) == 2


@pytest.mark.point(5)
async def test_a_refused_message_lets_later_ones_pass(tmp_path: Path, listener: Listener) -> None:
    """A reply that the server at `url` rejects permanently is recorded, and the next one is sent."""
    listener.faults = [410]
    async with serving(tmp_path, listener) as (server, http):
        assert await say(http, "hello") == 500
        assert await say(http, "I am Ada") == 200
        [lost] = await server.conversations.engine.store.undelivered("ada")
    assert (lost.is_uncertain, lost.reason) == (False, "status 410")
    assert listener.shown() == ["Hello, Ada."]


@pytest.mark.point(5)
async def test_a_slow_send_delays_nobody_else(tmp_path: Path, listener: Listener) -> None:
    """While a reply to one sender hangs, another sender is answered."""
    listener.held = "ada"
    async with serving(tmp_path, listener) as (_, http):
        asked = asyncio.create_task(say(http, "hello"))
        await until(lambda: len(listener.keys) == 1)
        assert await say(http, "hello", sender="eve") == 200
        assert not asked.done()
        listener.hold.set()
        assert await asked == 200
    assert listener.shown("eve") == ["Hello."]


async def test_a_conversation_of_a_messenger_is_closed(tmp_path: Path, listener: Listener) -> None:
    """Messages in a messenger's conversation cannot be sent over callback, and the API reports it."""
    platform = platform_of("telegram")
    async with platform.running():
        credentials = f"{platform.credentials()}callback:\n  url: {listener.url}\n"
        async with (
            running(tmp_path, credentials=credentials, enable_api=True) as server,
            httpx.AsyncClient(base_url=server.url) as http,
        ):
            await platform.ready()
            await delivered(server, platform, platform.text(ADA, "hello", "1"))
            await until(lambda: platform.shown(ADA) == ["Hello."])
            url = f"/conversations/{ADA}/trigger_intent?output_channel=callback"
            answer = await http.post(url, json={"name": "ping"})
            await operations.apply_events(server.conversations.get(ADA), [BotUttered(text="Still here.")])
            await until(lambda: platform.shown(ADA) == ["Hello.", "Still here."])
    assert (answer.status_code, answer.json()["details"]["error"]) == (403, "wrong_channel")
    assert listener.accepted == []
