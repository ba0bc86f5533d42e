"""A platform that hangs: the web chat and the other channels must not notice it.

`MANENT_HANG_S=30 pytest -s tests/channels/test_slow_platform.py` prints the times.
"""

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import MethodType
from typing import Any

import httpx
import pytest

from manent.client import ChatClient
from manent.runtime.background.sending import AT_ONCE
from support.messengers import deliver
from support.platforms import platform_of
from support.platforms.platform import Fault, Platform, Sent
from support.small_talk import Running, running, until

HANG_S = float(os.environ.get("MANENT_HANG_S", "0"))
"""Seconds for which each call of Telegram hangs. 0: until the end of the test, and the test takes few samples."""

SAMPLES = 200 if HANG_S else 20
VISITORS = AT_ONCE + 8
"""Number of Telegram's visitors with an answer to send, more than the number of sends at the same time."""


@contextlib.asynccontextmanager
async def serving(root: Path) -> AsyncIterator[tuple[Running, dict[str, Platform]]]:
    """Serve the assistant with Telegram, Slack and REST."""
    async with contextlib.AsyncExitStack() as opened:
        platforms = {name: platform_of(name) for name in ("telegram", "slack")}
        for platform in platforms.values():
            await opened.enter_async_context(platform.running())
        credentials = "rest:\n" + "".join(platform.credentials() for platform in platforms.values())
        server = await opened.enter_async_context(running(root, credentials=credentials))
        for platform in platforms.values():
            await platform.ready()
        yield server, platforms


async def _times(say: Callable[[int], Any]) -> list[float]:
    """Return the seconds of each round trip."""
    found = []
    for number in range(SAMPLES):
        began = time.perf_counter()
        await say(number)
        found.append(time.perf_counter() - began)
    return found


async def measure(server: Running, slack: Platform, prefix: str) -> dict[str, list[float]]:
    """Return the seconds from a visitor's message to the answer, for each channel, all at the same time."""

    async def over_slack(number: int) -> None:
        visitor = f"{prefix}{number}"
        assert (await deliver(server, slack, slack.text(visitor, "hello", visitor))).status_code == 200
        await until(lambda: slack.shown(visitor) == ["Hello."], timeout_s=60)

    async with (
        ChatClient(server.url, session_id=f"{prefix}page") as chat,
        httpx.AsyncClient(base_url=server.url, timeout=60) as http,
    ):

        async def over_rest(number: int) -> None:
            message = {"sender": f"{prefix}-rest-{number}", "message": "hello"}  # a conversation belongs to one channel
            assert len((await http.post("/webhooks/rest/webhook", json=message)).json()) == 1

        async def over_web_chat(number: int) -> None:
            await chat.send("hello")
            await chat.wait_for(lambda messages: len(messages) >= 2 * (number + 1))

        took = await asyncio.gather(_times(over_web_chat), _times(over_rest), _times(over_slack))
    return dict(zip(("web chat", "rest", "slack"), took, strict=True))


@pytest.mark.slow
async def test_a_platform_that_hangs_delays_no_other_channel(tmp_path: Path) -> None:
    """While every call of one platform hangs, the other channels answer all messages, in about the usual time."""
    over = asyncio.Event()

    async def hang(platform: Platform, sent: Sent) -> Fault | None:
        platform.attempts += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), HANG_S or None)
        platform.sent.append(sent)
        return None

    async with serving(tmp_path) as (server, platforms):
        telegram, slack = platforms["telegram"], platforms["slack"]
        before = await measure(server, slack, "before")
        telegram.send = MethodType(hang, telegram)  # type: ignore[method-assign]
        for visitor in range(VISITORS):
            hook = telegram.text(str(5_000 + visitor), "hello", str(visitor + 1))
            assert (await deliver(server, telegram, hook)).status_code == 200
        await until(lambda: telegram.attempts >= AT_ONCE, timeout_s=60)
        meanwhile = await measure(server, slack, "meanwhile")
        assert telegram.sent == [] or HANG_S
        over.set()
        await until(lambda: all(telegram.shown(str(5_000 + visitor)) for visitor in range(VISITORS)), timeout_s=120)
    for name, times in before.items():
        usual, slow = (statistics.quantiles(one, n=20)[-1] for one in (times, meanwhile[name]))
        ratio = (
            f"{name}: p95 {usual * 1000:.1f} ms, while Telegram hangs {slow * 1000:.1f} ms, ratio {slow / usual:.2f}"
        )
        print(ratio)  # noqa: T201  # for a person who measures
        assert slow < usual + 30.0, ratio
