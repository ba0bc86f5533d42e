"""Whether the server is ready."""

import asyncio
import logging
import time
from pathlib import Path

import httpx
import pytest

from manent.core.errors import StoreError
from manent.server.api import health
from manent.server.api.health import StoreCheck
from support.small_talk import running


async def test_ready_writes_to_the_store(tmp_path: Path) -> None:
    """A server that says that it is ready has written a row."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        store = server.application.conversations.engine.store
        assert await store.get_meta("health") is None
        assert (await http.get("/health/ready")).status_code == 200
        assert await store.get_meta("health") is not None


async def test_errors_are_reported_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is the answer until the store can be written; the log has one line for each change."""
    monkeypatch.setattr(health, "CHECK_EVERY_S", 0.0)
    caplog.set_level(logging.INFO, "manent.server")
    full = StoreError("store_full", "no room")
    errors = [None, full, full, None, None]
    waiting = iter(errors)

    async def check() -> None:
        error = next(waiting)
        if error is not None:
            raise error

    checking = StoreCheck(check)
    assert [error and error.code for error in [await checking.error() for _ in errors]] == [
        None,
        "store_full",
        "store_full",
        None,
        None,
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_store_that_does_not_answer() -> None:
    """The check gives up in time, and many callers share one."""
    calls = 0

    async def hang() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(60)

    checking = StoreCheck(hang, within_s=0.1)
    started = time.monotonic()
    found = await asyncio.gather(*(checking.error() for _ in range(50)))
    assert {error.code for error in found if error is not None} == {"store_timeout"}
    assert time.monotonic() - started < 2
    assert calls == 1


async def test_the_store_is_written_at_most_once_a_second() -> None:
    """However often a load balancer asks, the answer of the last second is used."""
    calls = 0

    async def count() -> None:
        nonlocal calls
        calls += 1

    checking = StoreCheck(count)
    for _ in range(100):
        assert await checking.error() is None
    assert calls == 1
