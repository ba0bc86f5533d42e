"""Clients that disconnect before their request is complete."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from support.small_talk import Running, running


async def break_off(server: Running, path: str, body: bytes) -> None:
    """Send the head of a request and a part of its body, then disconnect."""
    address = urlsplit(server.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/rest/webhook",
        "/webhooks/rest/webhook?stream=true",
        "/sessions/messages",
        "/model/parse",
        "/model/train",
        "/conversations/ada/messages",
        "/conversations/ada/tracker/events",
        "/nowhere",
    ],
)
async def test_a_request_that_breaks_off_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """It changes nothing and logs nothing above INFO, whatever it asked for."""
    async with running(tmp_path, enable_api=True) as server:
        caplog.clear()
        for body in (b"", b"{", b'{"sender": "ada", "message": "hel'):
            await break_off(server, path, body)
        await asyncio.sleep(0.1)
        async with aiohttp.ClientSession() as http:
            sent = {"sender": "bo", "message": "hello"}
            async with http.post(f"{server.url}/webhooks/rest/webhook", json=sent) as answer:
                assert [one["text"] for one in await answer.json()] == ["Hello."]
        assert await server.conversations.engine.store.head("ada") is None

    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


async def test_half_a_body_of_packets_is_not_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Packets that a polling client did not send completely have no effect, and its session goes on."""
    async with running(tmp_path) as server, aiohttp.ClientSession() as http:
        address = f"{server.url}/socket.io/?EIO=4&transport=polling"
        async with http.get(address) as answer:
            sid = (await answer.text()).partition('"sid":"')[2].partition('"')[0]
        address += f"&sid={sid}"
        async with http.post(address, data="40") as answer:
            assert answer.status == 200
        caplog.clear()
        whole = b'42["user_uttered",{"session_id":"ada","message":"hello"}]'
        await break_off(server, address.removeprefix(server.url), whole + b'\x1e42["user_utt')
        await asyncio.sleep(0.1)
        assert await server.conversations.engine.store.head("ada") is None

        async with http.post(address, data=whole) as answer:
            assert answer.status == 200
        async with http.get(address) as answer:
            assert answer.status == 200
        async with http.get(address) as answer:
            assert "Hello." in await answer.text()

    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
