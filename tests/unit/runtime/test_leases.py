"""The leases of a server: renewed together, by the store's clock, and given up when it stops."""

import asyncio
import logging
import time
from dataclasses import replace

import pytest

from manent.core.conversation_log import Lease
from manent.core.errors import StoreError
from manent.runtime import leases as leases_module
from manent.runtime.conversation.registry import Conversations
from manent.runtime.leases import Leases
from manent.runtime.metrics import Metrics
from manent.runtime.server_name import own_name
from manent.stores.memory import MemoryStore
from support.small_talk import Actions, home, message, until


class Elsewhere(MemoryStore):
    """A store whose clock is ahead of this server's, and which can be away."""

    ahead_s = 0.0
    away = False
    renewals = 0

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """Renew by the other clock."""
        self.renewals += 1
        if self.away:
            raise StoreError("store_unreachable", "the database cannot be reached")
        now = await super().renew_leases(owner, for_s=for_s + self.ahead_s)
        return now + self.ahead_s


async def opened(store: MemoryStore, duration_s: float = 60.0) -> Leases:
    """Leases at work on an open store."""
    await store.open()
    leases = Leases(store, metrics=Metrics(), duration_s=duration_s)
    await leases.open()
    return leases


@pytest.mark.parametrize("ahead_s", [21.0, -21.0])
async def test_the_clock_of_the_store_counts(ahead_s: float, caplog: pytest.LogCaptureFixture) -> None:
    """Leases are measured with the store's clock; a clock that differs by much is reported once."""
    store = Elsewhere()
    store.ahead_s = ahead_s
    with caplog.at_level(logging.WARNING, "manent.leases"):
        leases = await opened(store, 0.3)
        await until(lambda: store.renewals > 3)
    now = time.time() + ahead_s

    assert leases.now() == pytest.approx(now, abs=0.5)
    assert leases.new().until == pytest.approx(now + 0.3, abs=0.5)
    assert not leases.may_take_over(Lease(owner="other", until=now + 5))
    assert leases.may_take_over(Lease(owner="other", until=now - 5))
    assert [f"{-ahead_s:.0f} s" in record.getMessage() for record in caplog.records] == [True]
    await leases.close()


async def test_lease_of_a_dead_process_is_over() -> None:
    """A lease that has not ended is free if its process has certainly ended, and only then."""
    leases = await opened(MemoryStore())
    gone = replace(own_name(), pid=2**22 + 1)
    until_ = leases.now() + 60

    assert leases.may_take_over(Lease(owner=str(gone), until=until_))
    assert not leases.may_take_over(Lease(owner=str(replace(gone, host="other")), until=until_))
    assert not leases.may_take_over(Lease(owner=leases.owner, until=until_))
    await leases.close()


async def test_one_statement_renews_all_turns() -> None:
    """Ten turns whose actions take longer than the lease keep it, with one call of the store an interval."""
    store = Elsewhere()
    actions = Actions(hold=asyncio.Event())
    conversations = home(store, actions)
    conversations.engine.leases = Leases(store, metrics=Metrics(), duration_s=0.3)
    await conversations.open()
    names = [f"visitor {number}" for number in range(10)]
    for name in names:
        conversations.get(name).submit(message("work"))
    await until(lambda: len(actions.calls) == len(names))
    before, began = store.renewals, time.monotonic()
    while time.monotonic() < began + 1.0:
        assert not await store.unfinished(now=time.time())
        await asyncio.sleep(0.02)
    assert store.renewals - before <= 11
    assert actions.hold is not None
    actions.hold.set()
    await conversations.close(within_s=5.0)


async def test_outage_of_the_store_takes_no_turns_from_other_servers() -> None:
    """After the store was away for longer than a lease, a server waits for the others to renew before it takes over."""
    store = Elsewhere()
    leases = await opened(store, 0.3)
    over = Lease(owner="other", until=leases.now() - 5)
    assert leases.may_take_over(over)
    store.away = True
    await asyncio.sleep(0.5)
    store.away, before = False, store.renewals
    await until(lambda: store.renewals > before)
    await until(lambda: not leases.may_take_over(over), timeout_s=0.25)
    await until(lambda: leases.may_take_over(over), timeout_s=5)
    await leases.close()


async def test_drain_releases_the_turns_that_it_gives_up() -> None:
    """At the end of its drain a server releases its leases, and another one finishes the turn at once."""
    store = MemoryStore()
    hangs = Actions(hold=asyncio.Event())
    first = home(store, hangs)
    await first.open()
    await first.get("ada").submit(message("work")).accepted
    await until(lambda: bool(hangs.calls))
    await first.drain(within_s=0.05)
    head = await store.head("ada")
    assert head is not None
    assert head.open_turn
    assert head.lease is None
    second = home(store)
    await second.open()
    await until(lambda: not _is_open(store), timeout_s=2)
    await first.close()
    await store.open()
    await second.close()


async def test_release_that_fails_does_not_stop_the_shutdown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the store is away at the end of the drain, the server reports it and stops; the leases expire."""
    store = MemoryStore()
    hangs = Actions(hold=asyncio.Event())
    server: Conversations = home(store, hangs)
    await server.open()
    await server.get("ada").submit(message("work")).accepted
    await until(lambda: bool(hangs.calls))

    async def fail(_: str) -> None:
        raise StoreError("store_unreachable", "the database cannot be reached")

    monkeypatch.setattr(store, "release_leases", fail)
    await server.close(within_s=0.05)
    assert "could not release" in caplog.text


def _is_open(store: MemoryStore) -> bool:
    return any(one.head.open_turn for one in store._conversations.values())


def test_default_takes_over_within_ten_seconds() -> None:
    """A turn is free at most one lease after the crash, and found at most one search later."""
    from manent.runtime.conversation import registry

    assert leases_module.LEASE_S + registry.RECOVERY_INTERVAL_S <= 8.0
