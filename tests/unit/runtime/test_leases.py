"""The leases of a server: they are renewed together, use the store's clock, and are released when the server stops."""

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
    """A store whose clock is ahead of this server's clock, and that can be unavailable."""

    ahead_s = 0.0
    away = False
    renewals = 0

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """Renew the leases by the store's clock."""
        self.renewals += 1
        if self.away:
            raise StoreError("store_unreachable", "the database cannot be reached")
        now = await super().renew_leases(owner, for_s=for_s + self.ahead_s)
        return now + self.ahead_s


async def opened(store: MemoryStore, duration_s: float = 60.0) -> Leases:
    """Run the leases of a server on an open store."""
    await store.open()
    leases = Leases(store, metrics=Metrics(), duration_s=duration_s)
    await leases.open()
    return leases


@pytest.mark.parametrize("ahead_s", [21.0, -21.0])
async def test_leases_use_the_clock_of_the_store(ahead_s: float, caplog: pytest.LogCaptureFixture) -> None:
    """Leases use the store's clock. A large difference between the clocks is logged once."""
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
    """A valid lease is free only if its process has certainly ended."""
    leases = await opened(MemoryStore())
    gone = replace(own_name(), pid=2**22 + 1)
    until_ = leases.now() + 60

    assert leases.may_take_over(Lease(owner=str(gone), until=until_))
    assert not leases.may_take_over(Lease(owner=str(replace(gone, host="other")), until=until_))
    assert not leases.may_take_over(Lease(owner=leases.owner, until=until_))
    await leases.close()


async def test_one_statement_renews_all_turns() -> None:
    """One statement in each interval renews the leases of ten turns with long actions."""
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
    """After an outage of the store, a server waits until others can renew their leases before it takes over turns."""
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
    """At the end of its drain, a server releases its leases, so that another server finishes the turns at once."""
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
    """If the store is unavailable at the end of the drain, the server logs this and stops."""
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
    """With the default values, a turn is taken over less than ten seconds after a crash."""
    from manent.runtime.conversation import registry

    assert leases_module.LEASE_S + registry.RECOVERY_INTERVAL_S <= 8.0
