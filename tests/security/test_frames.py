"""Malformed frames: the server continues to serve other clients and logs no traceback."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from security.frames import raw
from security.sites import Site, start, stop

OPEN = "rest:\nsocketio:\n  session_persistence: true\n"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that accepts all clients."""
    site = start(tmp_path_factory.mktemp("target"), credentials=OPEN)
    yield site
    stop(site)


async def assert_alive(site: Site) -> None:
    """Check that the server answers and has logged no unexpected error."""
    answer = await site.post("/webhooks/rest/webhook", {"sender": "bystander", "message": "hello"})
    assert answer.json() == [{"recipient_id": "bystander", "text": "Hello."}]
    assert "Traceback" not in site.log


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.sampled_from(
    [
        "session_request",
        "user_uttered",
        "history_request",
        "session_list",
        "session_reset",
        "session_erase",
        "token_refresh",
        "x",
        "connect",
        "disconnect",
        "bot_uttered",
    ]
)
PAYLOADS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "protocol": JSON | st.just(1),
        "session_id": JSON | st.just("fuzzed"),
        "message": JSON,
        "message_id": JSON,
        "epoch": JSON,
        "cursor": JSON | st.fixed_dictionaries({"epoch": JSON, "seq": JSON}),
        "limit": JSON,
        "before": JSON,
        "token": JSON,
        "metadata": JSON,
        "title": JSON,
    },
)
PACKETS = st.builds(
    lambda kind, namespace, ack, body: f"{kind}{namespace}{ack}{body}",
    st.sampled_from(["40", "41", "42", "43", "44", "45", "451-", "459-", "46", "2", "3", "5", "6", "1x", "4"]),
    st.sampled_from(["", "/,", "/x,", "/admin,", "/\ud7ff,"]),
    st.sampled_from(["", "0", "7", "99999999999999999999", "-1"]),
    st.builds(json.dumps, st.tuples(EVENTS, PAYLOADS) | JSON) | st.text(max_size=30),
)
FRAMES = PACKETS | st.text(max_size=40) | st.binary(max_size=40)


async def shoot(site: Site, frames: list[Any]) -> None:
    """Send frames on one connection, and on a new one if the server closes it."""
    left = list(frames)
    while left:
        async with raw(site.url) as connection:
            await connection.send("40")
            while left and await connection.send(left.pop(0)):
                pass
            await asyncio.sleep(0.01)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames=st.lists(FRAMES, min_size=5, max_size=15))
def test_some_bad_frames(target: Site, frames: list[Any]) -> None:
    """Send several hundred frames that break the rules of both protocols."""

    async def attack() -> None:
        await shoot(target, frames)
        await assert_alive(target)

    asyncio.run(attack())


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames=st.lists(FRAMES, min_size=20, max_size=20))
def test_ten_thousand_bad_frames(target: Site, frames: list[Any]) -> None:
    """Send ten thousand frames that break the rules of both protocols."""

    async def attack() -> None:
        await shoot(target, frames)
        await assert_alive(target)

    asyncio.run(attack())


async def test_deep_json_is_refused_and_the_socket_stays(target: Site) -> None:
    """JSON with a thousand levels is an error on the socket, which stays open, and 400 over HTTP."""
    deep = "[" * 1_000 + "]" * 1_000
    within = "[" * 1_000 + '"]]]'
    async with raw(target.url) as connection:
        await connection.connect()
        for body in (deep, within):
            await connection.send(f'42["user_uttered",{{"session_id":"deep","message":"x","metadata":{body}}}]')
            error = json.loads((await connection.until('42["error"'))[2:])
            assert error[1]["code"] == "bad_request"
        await connection.send('420["session_request",{"protocol":1,"session_id":"deep"}]')
        joined = json.loads((await connection.until("430"))[3:])
    async with httpx.AsyncClient(base_url=target.url) as http:
        for path in ("/webhooks/rest/webhook", "/sessions/session_request"):
            answer = await http.post(path, content=f'{{"sender":"x","message":"y","metadata":{deep}}}')
            assert answer.status_code == 400

    assert joined[0]["messages"] == []
    await assert_alive(target)


async def test_large_messages_end_where_the_limit_is(target: Site) -> None:
    """Messages below 2 MB get an error. Ten megabytes close the socket, and are rejected over HTTP."""
    async with raw(target.url) as connection:
        await connection.connect()
        text = "x" * 1_900_000
        await connection.send(f'421["session_request",{{"protocol":1,"session_id":"large"}}]')  # noqa: F541
        await connection.until("431")
        packet = json.dumps(["user_uttered", {"session_id": "large", "message": text, "message_id": "m"}])
        await connection.send(f"422{packet}")
        refused = json.loads((await connection.until("432"))[3:])
        await connection.send("42" + json.dumps(["user_uttered", {"message": "x" * 10_000_000}]))
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await connection.until("never")
    async with httpx.AsyncClient(base_url=target.url, timeout=20) as http:
        body = json.dumps({"sender": "x", "message": "x" * 10_000_000})
        announced = await http.post("/webhooks/rest/webhook", content=body)

        async def pieces() -> Any:
            for _ in range(100):
                yield b"x" * 100_000

        try:
            streamed = (await http.post("/webhooks/rest/webhook", content=pieces())).status_code
        except httpx.TransportError:
            streamed = 413  # it hung up before everything was sent

    assert refused[0]["error"]["code"] == "too_long"
    assert (announced.status_code, streamed) == (413, 413)
    await assert_alive(target)


async def test_long_poll_with_a_large_body_is_refused(target: Site) -> None:
    """Polling requests have the same limit as WebSockets, and must have a Content-Length."""
    async with httpx.AsyncClient(base_url=target.url, timeout=20) as http:
        opened = (await http.get("/socket.io/?EIO=4&transport=polling")).text
        sid = json.loads(opened[1:])["sid"]
        answer = await http.post(f"/socket.io/?EIO=4&transport=polling&sid={sid}", content="4" + "x" * 10_000_000)

        opened = (await http.get("/socket.io/?EIO=4&transport=polling")).text
        sid = json.loads(opened[1:])["sid"]

        async def pieces() -> Any:
            for _ in range(100):
                yield b"4" * 100_000

        try:
            path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
            streamed = (await http.post(path, content=pieces())).status_code
        except httpx.TransportError:
            streamed = 411  # it hung up before everything was sent

    assert (answer.status_code, streamed) == (413, 411)
    await assert_alive(target)


@pytest.mark.parametrize("endpoints", ["limits:\n  outgoing_per_socket: 50\n", ""])
async def test_a_reader_that_sleeps_is_closed(tmp_path_factory: pytest.TempPathFactory, endpoints: str) -> None:
    """A socket that never reads is closed when too many packets or bytes wait for it."""
    site = start(tmp_path_factory.mktemp("slow"), credentials=OPEN, endpoints=endpoints)
    try:
        said = {"sender": "ada", "message": "x" * 60_000}
        await site.post("/webhooks/rest/webhook", said)
        async with raw(site.url, max_queue=1, close_timeout=0.1) as connection:
            await connection.connect()
            for number in range(2_000):
                packet = json.dumps(["session_request", {"protocol": 1, "session_id": "ada"}])
                if not await connection.send(f"42{number}{packet}") or "does not read" in site.log:
                    break
                await asyncio.sleep(0.002)  # faster, and most are refused: a socket's requests wait in a bounded queue
            with pytest.raises(websockets.exceptions.ConnectionClosed):  # also when it has woken up
                await connection.until("never", timeout_s=30)
        assert "closed a socket, because its client does not read" in site.log
        await assert_alive(site)
    finally:
        stop(site)
