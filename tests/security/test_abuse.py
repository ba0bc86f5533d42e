"""Limits: a client that sends too many requests is slowed down, and other clients are not."""

import asyncio
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import websockets

from manent.channels.socketio import server as socketio_server
from manent.core.errors import RequestError
from manent.runtime.json_input import MAX_DEPTH, is_too_deep
from manent.runtime.rate_limits import MAX_KEYS, Buckets, address_of
from security.frames import raw
from security.sites import JWT, Site, token
from support.small_talk import Actions, Running, running, until

Serve = Callable[..., Site]

OPEN = "rest:\nsocketio:\n  session_persistence: true\n"
LIMITS = """
limits:
  connects_per_minute: 5
  sessions_per_minute: 3
  messages_per_minute: 12
  messages_per_minute_per_sender: 6
"""


async def test_each_limit_holds_by_address_as_the_proxy_tells_it(serve: Serve) -> None:
    """Connections, new conversations and messages are limited per address, which a proxy on loopback can set."""
    site = serve(credentials=OPEN, endpoints=LIMITS)
    async with httpx.AsyncClient(base_url=site.url) as http:

        async def connect(address: str) -> int:
            path = "/socket.io/?EIO=4&transport=polling"
            return (await http.get(path, headers={"X-Forwarded-For": address})).status_code

        async def begin(address: str, name: str) -> httpx.Response:
            request = {"protocol": 1, "session_id": name}
            return await http.post("/sessions/session_request", json=request, headers={"X-Forwarded-For": address})

        async def speak(address: str, name: str) -> httpx.Response:
            request = {"sender": name, "message": "hello"}
            return await http.post("/webhooks/rest/webhook", json=request, headers={"X-Forwarded-For": address})

        connects = [await connect("192.0.2.1") for _ in range(7)]
        begun = [(await begin("192.0.2.1", f"session-{number}")).status_code for number in range(5)]
        known = (await begin("192.0.2.1", "session-0")).status_code
        by_speaking = [(await speak("192.0.2.3", f"begun-{number}")).status_code for number in range(5)]
        spoken = [await speak("192.0.2.1", "begun-0") for _ in range(8)]
        others = [(await speak("192.0.2.1", f"begun-{number % 2 + 1}")).status_code for number in range(8)]
        elsewhere = [await connect("192.0.2.2"), (await speak("192.0.2.2", "another")).status_code]

    assert connects == [200] * 5 + [429] * 2
    assert (begun, known) == ([200] * 3 + [429] * 2, 200)
    assert by_speaking == [200] * 3 + [429] * 2
    assert [answer.status_code for answer in spoken] == [200] * 5 + [429] * 3  # one was said from elsewhere
    assert spoken[-1].json()["details"]["error"] == "too_many_requests"
    assert int(spoken[-1].headers["retry-after"]) >= 1
    assert others.count(200) in range(3, 7)
    assert others[-1] == 429
    assert elsewhere == [200, 200]


async def test_socket_is_told_and_stays(serve: Serve) -> None:
    """A message over the limit is rejected with a time to retry, and the socket stays open."""
    site = serve(credentials=OPEN, endpoints=LIMITS)
    async with site.visitor() as ada:
        await ada.join(session_id="ada")
        answers = [
            await ada.ask("user_uttered", session_id="ada", message="hello", message_id=f"m{number}")
            for number in range(8)
        ]
        await ada.socket.emit("user_uttered", {"session_id": "ada", "message": "hello"})
        again = await ada.join(session_id="ada")

    assert [answer["ok"] for answer in answers] == [True] * 6 + [False] * 2
    assert answers[-1]["error"]["code"] == "too_many_requests"
    assert answers[-1]["error"]["retry_after"] > 0
    assert again["ok"]


async def test_limits_of_a_subject_hold_from_every_address(serve: Serve) -> None:
    """A signed-in subject has limits for sockets, conversations and messages across all addresses."""
    site = serve(
        credentials=JWT,
        endpoints="limits:\n  connects_per_minute_per_subject: 5\n  sessions_per_minute_per_subject: 3\n"
        "  messages_per_minute_per_sender: 4\n",
    )
    ada, bob = token("ada"), token("bob")

    async def speak(name: str, address: str, by: str) -> int:
        body = {"sender": name, "message": "hello"}
        return (await site.post("/webhooks/rest/webhook", body, by, {"X-Forwarded-For": address})).status_code

    connects = [await site.refused(ada, headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(7)]
    begun = []
    for number in range(5):
        request = {"protocol": 1, "session_id": f"ada-{number}"}
        answer = await site.post("/sessions/session_request", request, ada, {"X-Forwarded-For": f"192.0.2.{number}"})
        begun.append(answer.status_code)
    spoken = [await speak(f"ada-{number % 2}", f"192.0.2.{number}", ada) for number in range(6)]

    assert connects == ["connected"] * 5 + ["too_many_requests"] * 2
    assert begun == [200] * 3 + [429] * 2
    assert spoken == [200] * 4 + [429] * 2
    assert (await site.refused(bob), await speak("bob-0", "192.0.2.1", bob)) == ("connected", 200)


WAYS = (("/socket.io/", "&xsid=1"), ("/socket.io", ""), ("/socket.io/", "&sid="))


async def test_limits_cannot_be_stepped_around(serve: Serve) -> None:
    """A request that imitates a known socket and a path without a slash count as connections, too."""
    site = serve(credentials=OPEN, endpoints="limits:\n  connects_per_minute: 3\n")
    async with httpx.AsyncClient(base_url=site.url) as http:
        ways = [f"{path}?EIO=4&transport=polling{more}" for path, more in WAYS]
        found = [(await http.get(way)).status_code for way in ways * 2]

    assert found == [200] * 3 + [429] * 3


async def test_a_proxy_that_is_not_named_is_not_believed(serve: Serve) -> None:
    """`X-Forwarded-For` is used only if the sender is in `--forwarded-allow-ips`."""
    site = serve(
        "--forwarded-allow-ips", "192.0.2.7", credentials=OPEN, endpoints="limits:\n  messages_per_minute: 3\n"
    )
    body = {"sender": "ada", "message": "hello"}
    found = [
        (
            await site.post("/webhooks/rest/webhook", body, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        ).status_code
        for number in range(5)
    ]

    assert found == [200] * 3 + [429] * 2


async def test_large_requests_that_wait_are_few(tmp_path: Path) -> None:
    """While a socket's request runs, others wait up to a limit in bytes. Requests beyond it are `busy`."""
    actions = Actions(hold=asyncio.Event())
    assert actions.hold is not None
    async with running(tmp_path, actions=actions) as server, raw(server.url) as connection:
        await connection.connect()
        await connection.send('421["user_uttered",{"session_id":"ada","message":"work"}]')
        await until(lambda: bool(actions.calls))
        request = json.dumps(["user_uttered", {"session_id": "ada", "message": "x" * 1_900_000}])
        for number in range(2, 8):
            await connection.send(f"42{number}{request}")
        first = json.loads((await connection.until("43"))[3:])
        actions.hold.set()
        served = [json.loads((await connection.until("43"))[3:]) for _ in range(6)]

    assert first[0]["error"]["code"] == "busy"
    assert [answer[0]["error"]["code"] if answer else "ok" for answer in served] == ["ok"] + ["too_long"] * 5


async def test_binary_packets_collect_nowhere(tmp_path: Path) -> None:
    """Binary packets and their announcements are rejected at once, and the socket stays open."""
    async with running(tmp_path) as server, raw(server.url) as connection:
        await connection.connect()
        for packet in ('459999999999-["user_uttered",{"_placeholder":true,"num":0}]', b"x" * 1_000_000, '461-7["x"]'):
            await connection.send(packet)
            assert json.loads((await connection.until('42["error"'))[2:])[1]["code"] == "bad_request"
        await connection.send('420["session_request",{"protocol":1,"session_id":"ada"}]')
        assert json.loads((await connection.until("430"))[3:])[0]["ok"]


async def test_a_socket_that_does_not_join_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that does not join the namespace, or leaves it, is closed; other sockets stay open."""
    monkeypatch.setattr(socketio_server, "CONNECT_WITHIN_S", 0.3)
    async with (
        running(tmp_path) as server,
        raw(server.url) as stranger,
        raw(server.url) as leaver,
        raw(server.url) as member,
    ):
        await member.connect()
        await leaver.connect()
        await leaver.send("41")
        for gone in (stranger, leaver):
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                await gone.until("never")
        await member.send('420["session_request",{"protocol":1,"session_id":"ada"}]')
        assert json.loads((await member.until("430"))[3:])[0]["ok"]


async def test_defaults_and_public(serve: Serve) -> None:
    """The defaults allow 100 connections at once, and `limits: public` rejects 40. A misspelt limit is an error."""
    normal = serve(credentials=OPEN, folder="normal")
    public = serve(credentials=OPEN, endpoints="limits: public\n", folder="public")

    async def connects(site: Site) -> list[int]:
        async with httpx.AsyncClient(base_url=site.url, timeout=30) as http:
            asked = [http.get("/socket.io/?EIO=4&transport=polling") for _ in range(100)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert set(await connects(normal)) == {200}
    assert (await connects(public)).count(429) == 40
    with pytest.raises(AssertionError, match="conects_per_minute"):
        serve(credentials=OPEN, endpoints="limits:\n  conects_per_minute: 5\n", folder="typo")


async def test_two_servers_of_one_store_share_a_limit(tmp_path: Path) -> None:
    """An address that reached the limit on one server is rejected by another server with the same store."""
    limits = "limits: {connects_per_minute: 60}\n"
    async with (
        running(tmp_path, endpoints=limits) as first,
        running(tmp_path, endpoints=limits) as second,
        httpx.AsyncClient(timeout=30) as http,
        asyncio.timeout(60),
    ):

        async def connect(site: Running) -> int:
            return (await http.get(f"{site.url}/socket.io/?EIO=4&transport=polling")).status_code

        assert {await connect(first) for _ in range(60)} == {200}
        for number in itertools.count():
            if await connect(second) == 429:
                break
            if number > 30:
                await asyncio.sleep(1)  # a server that limits alone accepts a connect per second forever


def test_buckets_fill_up_again_and_stay_few() -> None:
    """A bucket refills at its rate, and if there are too many keys, the fullest buckets are removed."""
    now = 0.0
    buckets = Buckets(60, now=lambda: now)
    for _ in range(60):
        buckets.take("a")
    with pytest.raises(RequestError) as refused:
        buckets.take("a")
    assert refused.value.retry_after == pytest.approx(1.0)
    now = 1.0
    buckets.take("a")
    for number in range(MAX_KEYS + 10):
        buckets.take(str(number))

    assert len(buckets._full_at) <= MAX_KEYS
    with pytest.raises(RequestError):
        buckets.take("a")
    Buckets(0).take("anybody")


def test_addresses_of_one_subscriber_are_one() -> None:
    """The addresses of an IPv6 network with 64 bits count as one."""
    assert address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("2001:db8::1") == address_of("2001:db8::ffff:1") != address_of("2001:db8:0:1::1")
    assert address_of("fe80::1%eth0") == "fe80::/64"
    assert address_of("a:b:c") == "a:b:c"
    assert address_of(None) == ""


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, False),
        ("[" * (MAX_DEPTH + 1), True),
        ('{"a":' * (MAX_DEPTH + 1), True),
        ("[" + "[],{}," * 1000 + "]", False),
        ('["' + "[{" * 1000 + '"]', False),
        ('["\\"' + "[" * 1000 + '"]', False),
        ('["\\\\"' + "[" * 1000, True),
        ('["' + "[" * 1000, False),
    ],
)
def test_depth_counts_brackets_outside_of_strings(text: str, *, deep: bool) -> None:
    """The depth of JSON counts nested brackets, except in strings."""
    assert is_too_deep(text) is deep
    assert is_too_deep(text.encode()) is deep
