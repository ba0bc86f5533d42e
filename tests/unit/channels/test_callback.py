"""The callback channel, with a real server at the other end."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from manent.channels.callback import CallbackOptions
from manent.extensions.options import convert
from manent.project.problems import Report, Spot
from manent.project.settings.credentials import read_channels
from support.small_talk import running

URL = "/webhooks/callback/webhook"


class Receiver:
    """A server that takes the bot's messages and notes how they came."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[dict[str, str], dict[str, str], Any]] = []
        self.status = 200

    async def take(self, request: web.Request) -> web.Response:
        """Note one."""
        self.requests.append((dict(request.headers), dict(request.query), await request.json()))
        return web.Response(status=self.status)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/bot", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/bot"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def test_each_reply_is_posted_alone_and_in_order(tmp_path: Path) -> None:
    """The sender hears `success`, the configured server each reply, with the headers and tokens it asks for."""
    async with receiving() as receiver:
        credentials = (
            f"callback:\n  url: {receiver.url}\n  headers: {{X-Bot: small}}\n  token: t1\n"
            "  basic_auth: {username: u, password: p}\n"
        )
        async with (
            running(tmp_path, credentials=credentials) as server,
            httpx.AsyncClient(base_url=server.url) as http,
        ):
            answer = await http.post(URL, json={"sender": "ada", "message": "count", "metadata": "ignored"})
    headers, query, body = receiver.requests[-1]

    assert (answer.status_code, answer.text) == (200, "success")
    assert body["recipient_id"] == "ada"
    assert body["text"] == "One.\n\nTwo."
    assert (headers["X-Bot"], query["token"], headers["Authorization"].partition(" ")[0]) == ("small", "t1", "Basic")


@pytest.mark.parametrize("status", [None, 500])
async def test_unreachable_server_is_told_to_the_sender(tmp_path: Path, status: int | None) -> None:
    """When the replies cannot be handed over the sender is answered with 500; the log has them."""
    async with receiving() as receiver:
        receiver.status = status or 200
        url = receiver.url if status else "http://127.0.0.1:9/bot"
        async with (
            running(tmp_path, credentials=f"callback:\n  url: {url}\n") as server,
            httpx.AsyncClient(base_url=server.url) as http,
        ):
            answer = await http.post(URL, json={"sender": "ada", "message": "hello"})
            page = await server.conversations.engine.store.page("ada", limit=5)

    assert (answer.status_code, answer.json()["details"]["error"]) == (500, "callback_failed")
    assert page is not None
    assert len(page.entries) == 2


async def test_triggers_from_outside_come_this_way_too(tmp_path: Path) -> None:
    """With `output_channel` the channel is given what a trigger makes the bot say; the answer has it as well."""
    async with (
        receiving() as receiver,
        running(tmp_path, credentials=f"rest:\ncallback:\n  url: {receiver.url}\n", enable_api=True) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        url = "/conversations/ada/trigger_intent"
        named = await http.post(f"{url}?output_channel=callback", json={"name": "ping"})
        await http.post(URL, json={"sender": "ada", "message": "hello"})
        latest = await http.post(f"{url}?output_channel=latest", json={"name": "ping"})
        silent = await http.post(url, json={"name": "ping"})

    assert [answer.json()["messages"][0]["text"] for answer in (named, latest, silent)] == ["Ping."] * 3
    assert [body["text"] for _, _, body in receiver.requests] == ["Ping.", "Hello.", "Ping."]


@pytest.mark.parametrize("section", [{}, {"url": "ftp://x"}, {"url": 5}, {"url": "http://x", "headers": "y"}])
def test_mistakes_in_the_section_are_located(section: dict[str, Any]) -> None:
    """A section that cannot work is rejected at the start, and the error names the option."""
    report = Report(Path())
    read_channels(Spot({"callback": section}, "credentials.yml", 1, "", report))

    assert report.errors[0].path.startswith("callback")


@pytest.mark.parametrize("cafile", ["missing.pem", __file__])
def test_certificates_that_cannot_be_read_are_reported(cafile: str) -> None:
    """Without this check, no reply could be sent, and each would become undeliverable."""
    options, wrong = convert(CallbackOptions, {"url": "https://bot.example/", "cafile": cafile})

    assert options is None
    assert [each.option for each in wrong] == ["cafile"]
