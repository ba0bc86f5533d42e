"""The test suite for the table of shared rate limits, which every built-in store must pass.

Import the tests and the fixture `store` of `manent.testing.stores`.
"""

import asyncio

import pytest

from manent.runtime.ports.rate_limits import MAX_AHEAD_S
from manent.runtime.ports.store import ConversationStore
from manent.stores.operation import Operation, runs_operations
from manent.stores.rate_limits import RateLimitTable, open_rate_limits

TIMEOUT_S = 30.0
pytestmark = pytest.mark.asyncio


def opened(store: ConversationStore) -> RateLimitTable:
    """Return the table of an open store."""
    table = open_rate_limits(store)
    assert table is not None
    return table


async def count(store: ConversationStore) -> int:
    """Return the number of rows."""

    def count_rows() -> Operation[int]:
        found = yield ("SELECT count(*) FROM rate_limits", ())
        return int(found[0][0])

    assert runs_operations(store)
    return await store.run_operation(count_rows(), is_read=True)


async def test_tokens_of_two_servers_add_up(store: ConversationStore) -> None:
    """Each report returns the time until the bucket is full, from the tokens of all servers."""
    one, two = opened(store), opened(store)
    started = asyncio.get_running_loop().time()
    assert await one.add({"ada": 30.0}) == {"ada": pytest.approx(30.0)}
    found = await two.add({"ada": 20.0, "eve": 0.5})
    passed_s = asyncio.get_running_loop().time() - started
    assert found.keys() == {"ada", "eve"}
    assert 50.0 - passed_s - 0.01 <= found["ada"] <= 50.0
    assert found["eve"] == pytest.approx(0.5)


async def test_no_bucket_fills_up_later_than_the_maximum(store: ConversationStore) -> None:
    """A large number of tokens, in one report or in several, delays a bucket up to the maximum."""
    table = opened(store)
    assert await table.add({"ada": 1e9, "eve": 100.0}) == {"ada": pytest.approx(MAX_AHEAD_S), "eve": pytest.approx(100)}
    found = await table.add({"ada": 1e9, "eve": 100.0})
    assert found == {"ada": pytest.approx(MAX_AHEAD_S), "eve": pytest.approx(MAX_AHEAD_S)}


async def test_full_buckets_are_deleted(store: ConversationStore) -> None:
    """The row of a full bucket is deleted, and no other row."""
    table = opened(store)
    await table.add({"ada": 1e-05, "bob": 0.0, "eve": 100.0})
    async with asyncio.timeout(TIMEOUT_S):
        while await count(store) > 1:
            assert await table.add({}) == {}
            await asyncio.sleep(0.01)  # the memory store does not wait for anything
    found = await table.add({"ada": 1.0, "eve": 1.0})
    assert found["ada"] == pytest.approx(1.0)
    assert found["eve"] > 60.0


async def test_concurrent_reports_lose_nothing(store: ConversationStore) -> None:
    """Reports of the same buckets at the same time, in different orders, are all counted."""
    tables = [opened(store) for _ in range(4)]
    names = [f"visitor {number}" for number in range(50)]
    started = asyncio.get_running_loop().time()
    reports = (
        tables[number % 4].add(dict.fromkeys(names if number % 2 else reversed(names), 4.0)) for number in range(20)
    )
    await asyncio.gather(*reports)
    found = await tables[0].add(dict.fromkeys(names, 0.0))
    passed_s = asyncio.get_running_loop().time() - started
    assert found.keys() == set(names)
    assert min(found.values()) >= 80.0 - passed_s - 0.01
    assert max(found.values()) <= 80.0
