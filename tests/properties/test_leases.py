"""Laws of leases: whatever the servers do and in which order, at most one of them goes on with a turn."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from manent.core.conversation_log import Append, Head, Lease
from manent.runtime.ports.store import ConversationStore, VersionConflict
from manent.stores.head_row import owner_of
from manent.stores.memory import MemoryStore
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, turn

Stores = tuple[MemoryStore, SqliteStore]
SERVERS = ("a:1:1:x", "b:2:2:y", "c:3:3:z")
NAMES = (f"visitor {number}" for number in count())
STEPS = st.lists(
    st.tuples(st.sampled_from(SERVERS), st.sampled_from(["read", "take", "finish"]), st.integers(1, 5)),
    max_size=30,
)

without_deadline = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """A store in memory and one in a file."""
    opened = (MemoryStore(), SqliteStore(tmp_path / "store.db"))
    for store in opened:
        await store.open()
    yield opened
    for store in opened:
        await store.close()


async def _step(store: ConversationStore, known: Head, server: str, what: str, until: float) -> Head:
    """Take over or finish the turn as `known` shows it; return the head then."""
    if what == "take":
        after = replace(known, open_turn=True, lease=Lease(owner=server, until=until))
        append = Append(head=after, expected_version=known.version, expected_lease=known.lease)
    else:
        append = replace(turn(replace(known, lease=None, open_turn=False)), expected_lease=known.lease)
    await store.append(append)
    return append.head


@without_deadline
@given(steps=STEPS)
async def test_an_append_succeeds_only_on_what_is_there(stores: Stores, steps: list[tuple[str, str, int]]) -> None:
    """A server takes over or finishes a turn exactly when version and owner of the lease are those that it read last.

    The end of the lease may differ, because its owner may have renewed it; then the later end stays.
    """
    for store in stores:
        name = next(NAMES)
        truth = await store.create(empty(name))
        known = dict.fromkeys(SERVERS, truth)
        for now, (server, what, seconds) in enumerate(steps):
            if what == "read":
                read = await store.head(name)
                assert read == truth
                known[server] = read or truth
                continue
            fits = (known[server].version, owner_of(known[server].lease)) == (truth.version, owner_of(truth.lease))
            try:
                after = await _step(store, known[server], server, what, now + seconds)
            except VersionConflict:
                assert not fits
                continue
            assert fits
            if after.lease is not None and truth.lease is not None and after.lease.owner == truth.lease.owner:
                after = replace(after, lease=max(after.lease, truth.lease, key=lambda lease: lease.until))
            truth = known[server] = after
        assert await store.head(name) == truth


@without_deadline
@given(steps=st.lists(st.tuples(st.sampled_from(SERVERS), st.integers(0, 4), st.integers(1, 5)), max_size=30))
async def test_one_server_at_a_time_publishes(stores: Stores, steps: list[tuple[str, int, int]]) -> None:
    """A cursor is given to another server only when the lease that it has is over."""
    for store in stores:
        await store.begin_publishing()
        name, now = next(NAMES), 0.0
        await store.append(turn(empty(name)))
        holder: Lease | None = None
        for server, waits, seconds in steps:
            now += waits
            asked = Lease(owner=server, until=now + seconds)
            (cursor,) = await store.claim([name], asked, now=now)
            if holder is None or holder.owner == server or holder.until <= now:
                holder = asked
            assert cursor.lease == holder
