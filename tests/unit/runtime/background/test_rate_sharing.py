"""Rate limits that two servers of one store share."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from manent.core.errors import RequestError, StoreError
from manent.runtime.background.rate_sharing import RateSharing
from manent.runtime.metrics import Metrics
from manent.runtime.rate_limits import MAX_UNSHARED, Buckets, Rates
from manent.stores.memory import MemoryStore
from manent.stores.rate_limits import RateLimitTable
from manent.stores.sqlite.store import SqliteStore
from support.small_talk import until

ADA = "192.0.2.17"
EXCHANGE_EVERY = 10


class Server:
    """The rate limits of a server: 60 messages per minute and address."""

    def __init__(self, store: MemoryStore | SqliteStore) -> None:
        self.rates = Rates(messages=60, messages_per_sender=600, shared=["messages"])
        self.metrics = Metrics()
        self.sharing = RateSharing(self.rates, store, RateLimitTable(store), metrics=self.metrics)

    def accepts(self, address: str = ADA) -> bool:
        """Count a message, and return whether it is accepted."""
        try:
            self.rates.speak(address, "sender")
        except RequestError:
            return False
        return True


def open_store(kind: str, tmp_path: Path) -> MemoryStore | SqliteStore:
    """Return a store, which is not yet open."""
    return MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "conversations.db")


def content_of(folder: Path) -> bytes:
    """Return the content of all files."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_two_servers_share_a_limit(kind: str, tmp_path: Path) -> None:
    """Two servers together accept what one would, and the messages between two exchanges."""
    store = open_store(kind, tmp_path)
    await store.open()
    servers = [Server(store), Server(store)]
    started = time.monotonic()
    accepted = 0
    for number in range(200):
        accepted += servers[number % 2].accepts()
        if number % EXCHANGE_EVERY == EXCHANGE_EVERY - 1:
            for server in servers:
                await server.sharing.exchange()
    refilled = int(time.monotonic() - started) + 1
    assert 60 <= accepted <= 60 + EXCHANGE_EVERY + refilled
    assert all(server.accepts("192.0.2.99") for server in servers)
    await store.close()


async def test_tokens_taken_between_two_exchanges_are_paid_back() -> None:
    """If two servers together accept 90 messages at once, the client must wait until 30 of them have been paid back."""
    store = MemoryStore()
    await store.open()
    one, two = Server(store), Server(store)
    started = time.monotonic()
    assert all(one.accepts() for _ in range(60))
    assert all(two.accepts() for _ in range(30))
    await one.sharing.exchange()
    await two.sharing.exchange()
    with pytest.raises(RequestError) as rejected:
        two.rates.speak(ADA, "sender")
    wait_s = rejected.value.retry_after
    assert wait_s is not None
    assert 31.0 - (time.monotonic() - started) <= wait_s <= 31.01
    await store.close()


async def test_a_restarted_server_knows_the_limits() -> None:
    """A server without memory of a client rejects it after the first exchange."""
    store = MemoryStore()
    await store.open()
    server = Server(store)
    assert all(server.accepts() for _ in range(60))
    await server.sharing.exchange()
    restarted = Server(store)
    assert restarted.accepts()
    await restarted.sharing.exchange()
    assert not restarted.accepts()
    await store.close()


async def test_a_server_limits_alone_while_the_store_is_away() -> None:
    """Without the store, requests do not fail, and a server applies the limits to its own clients."""
    store = MemoryStore()
    server = Server(store)
    await server.sharing.open()
    await store.close()
    started = time.monotonic()
    assert server.accepts()
    await until(lambda: server.metrics.background_failing.get("rate_limits") == "store_closed")
    accepted = 1 + sum(server.accepts() for _ in range(100))
    assert 60 <= accepted <= 61 + time.monotonic() - started
    with pytest.raises(StoreError):
        await server.sharing.exchange()
    assert server.rates.take_unshared(10) == []

    await store.open()
    await until(lambda: "rate_limits" not in server.metrics.background_failing)
    await server.sharing.close()


class Table:
    """A table that notes the reports. `during` is called while a report is on its way."""

    def __init__(self, during: Callable[[], None] = lambda: None) -> None:
        self.during = during
        self.reports: list[Mapping[str, float]] = []

    async def add(self, spent: Mapping[str, float]) -> dict[str, float]:
        """Note the report. All tokens of all buckets have been taken."""
        self.during()
        self.reports.append(spent)
        return dict.fromkeys(spent, 60.0)


async def test_tokens_taken_during_an_exchange_are_counted() -> None:
    """The result of an exchange does not contain tokens that were taken in the meantime. They are added to it."""
    store = MemoryStore()
    rates = Rates(messages=60, shared=["messages"])

    def speak_five_times() -> None:
        for _ in range(5):
            rates.speak(ADA, "sender")

    table = Table(during=speak_five_times)
    started = time.monotonic()
    rates.speak(ADA, "sender")
    await RateSharing(rates, store, table).exchange()
    with pytest.raises(RequestError) as rejected:
        rates.speak(ADA, "sender")
    wait_s = rejected.value.retry_after
    assert wait_s is not None
    assert 6.0 - (time.monotonic() - started) <= wait_s <= 6.01
    assert [list(report.values()) for report in table.reports] == [[1.0]]
    assert [one.seconds for one in rates.take_unshared(10)] == [5.0]


async def test_addresses_are_not_stored(tmp_path: Path) -> None:
    """The store contains a digest and not the address."""
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    server = Server(store)
    server.accepts()
    await server.sharing.exchange()
    await store.close()
    assert b"rate_limits" in content_of(tmp_path)
    assert ADA.encode() not in content_of(tmp_path)


async def test_digests_depend_on_the_kind_and_on_a_secret_of_the_store() -> None:
    """Digests of one address are the same on all servers of a store, and differ between limits and between stores."""
    stores, table = (MemoryStore(), MemoryStore()), Table()
    for store in (*stores, stores[0]):
        rates = Rates(messages=60, messages_per_sender=60, shared=["messages", "messages_per_sender"])
        rates.speak(ADA, ADA)
        await RateSharing(rates, store, table).exchange()
    first, other, again = table.reports
    assert first == again
    assert len({*first, *other}) == 4
    assert {len(digest) for digest in first} == {32}


async def test_heavy_clients_are_reported_first() -> None:
    """Each exchange reports a limited number of keys. The others remain for the next one."""
    rates = Rates(messages=60, shared=["messages"])
    for address in ("a", "b", "b", "b", "c", "c"):
        rates.speak(address, "sender")
    assert [one.key for one in rates.take_unshared(2)] == ["b", "c"]
    assert [(one.kind, one.key, one.seconds) for one in rates.take_unshared(2)] == [("messages", "a", 1.0)]
    assert rates.take_unshared(2) == []


def test_memory_is_bounded() -> None:
    """Tokens of a limited number of keys wait for the next exchange."""
    buckets = Buckets(60, is_shared=True)
    for number in range(MAX_UNSHARED + 10):
        buckets.take(str(number))
    buckets.take("0")
    assert len(buckets.unshared) == MAX_UNSHARED
    assert buckets.unshared["0"] == 2.0
