"""One client that asks too much is slowed down, the others are not."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from manent.core.errors import RequestError
from manent.runtime.nesting import MOST_LEVELS, is_too_deep
from manent.runtime.rates import MOST_KEYS, Buckets, address_of
from security.sites import Site

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
    """Connects, new conversations and messages are counted per address; the proxy on loopback is believed."""
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
        spoken = [await speak("192.0.2.1", "session-0") for _ in range(8)]
        others = [(await speak("192.0.2.1", f"other-{number}")).status_code for number in range(8)]
        elsewhere = [await connect("192.0.2.2"), (await speak("192.0.2.2", "another")).status_code]

    assert connects == [200] * 5 + [429] * 2
    assert (begun, known) == ([200] * 3 + [429] * 2, 200)
    assert [answer.status_code for answer in spoken] == [200] * 6 + [429] * 2
    assert spoken[-1].json()["details"]["error"] == "too_many_requests"
    assert int(spoken[-1].headers["retry-after"]) >= 1
    assert others.count(200) in range(3, 7)
    assert others[-1] == 429
    assert elsewhere == [200, 200]


async def test_socket_is_told_and_stays(serve: Serve) -> None:
    """Over the limit, a socket's message is refused with a time to come back, and the socket is not dropped."""
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


async def test_defaults_and_public(serve: Serve) -> None:
    """By default hundreds of messages and sockets at once are nothing; `limits: public` stops them; a typo is named."""
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


def test_buckets_fill_up_again_and_stay_few() -> None:
    """A bucket gives what it holds, then one at a time as it fills; many keys push out those that rested longest."""
    now = 0.0
    buckets = Buckets(60, now=lambda: now)
    for _ in range(60):
        buckets.take("a")
    with pytest.raises(RequestError) as refused:
        buckets.take("a")
    assert refused.value.retry_after == pytest.approx(1.0)
    now = 1.0
    buckets.take("a")
    for number in range(MOST_KEYS + 10):
        buckets.take(str(number))

    assert len(buckets._spent) == MOST_KEYS
    Buckets(0).take("anybody")


def test_addresses_of_one_subscriber_are_one() -> None:
    """IPv6 gives everybody 2^64 addresses; they count as one."""
    assert address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("2001:db8::1") == address_of("2001:db8::ffff:1") != address_of("2001:db8:0:1::1")
    assert address_of("fe80::1%eth0") == "fe80::/64"
    assert address_of("a:b:c") == "a:b:c"
    assert address_of(None) == ""


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * MOST_LEVELS + "]" * MOST_LEVELS, False),
        ("[" * (MOST_LEVELS + 1), True),
        ('{"a":' * (MOST_LEVELS + 1), True),
        ("[" + "[],{}," * 1000 + "]", False),
        ('["' + "[{" * 1000 + '"]', False),
        ('["\\"' + "[" * 1000 + '"]', False),
        ('["\\\\"' + "[" * 1000, True),
        ('["' + "[" * 1000, False),
    ],
)
def test_depth_counts_brackets_outside_of_strings(text: str, *, deep: bool) -> None:
    """Depth is what a reader would have to go down, whatever stands in strings."""
    assert is_too_deep(text) is deep
    assert is_too_deep(text.encode()) is deep
