"""The test suite for publishing cursors, which every store must pass.

Import the tests and the fixture `store` of `manent.testing.stores`.
"""

import asyncio

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Cursor, Lease, UnpublishedEvents
from manent.core.events import encode_event
from manent.runtime.ports.store import ConversationStore
from manent.testing.logs import MakeStore, empty, talk, turn

pytestmark = pytest.mark.asyncio

MINE = Lease(owner="host:1:1:a", until=1_000.0)
OTHER = Lease(owner="host:2:2:b", until=1_000.0)
NOW = 900.0


async def waiting(store: ConversationStore, *, limit: int = 100) -> list[str]:
    """Return the ids of conversations with unpublished events."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await store.behind(after=after, limit=limit)
        found += [sender_id for sender_id, _ in page.found]
        after = page.upto
    return sorted(found)


async def publish_all(store: ConversationStore, sender_id: str = "ada") -> Cursor:
    """Move a conversation's cursor to the end of its log."""
    await store.claim([sender_id], MINE, now=NOW)
    head = await store.head(sender_id)
    assert head is not None
    cursor = Cursor(sender_id=sender_id, epoch=head.epoch, seq=head.version)
    await store.move([cursor], (), owner=MINE.owner)
    return cursor


async def test_events_before_the_first_start_are_not_published(store: ConversationStore) -> None:
    """Events that are older than the first call of `begin_publishing` are marked as published."""
    old = await talk(store, empty("old"), 2)
    await store.begin_publishing()
    await talk(store, empty("new"), 1)
    await store.begin_publishing()

    assert await waiting(store) == ["new"]
    assert await store.claim(["old"], MINE, now=NOW) == [
        Cursor(sender_id="old", epoch=old.epoch, seq=old.version, lease=MINE)
    ]


async def test_behind_finds_logs_with_unpublished_events(store: ConversationStore) -> None:
    """`behind` finds new, changed, erased and replaced logs, but no completely published or empty logs."""
    for sender_id in ("done", "on", "erased", "emptied", "replaced"):
        await talk(store, empty(sender_id), 1)
        await publish_all(store, sender_id)
    head = await store.head("on")
    assert head is not None
    await talk(store, head, 1)
    await talk(store, empty("begun"), 1)
    await store.create(empty("empty"))
    await store.erase("erased", new_epoch=None)
    await store.erase("emptied", new_epoch="e2")
    await store.replace(turn(empty("replaced", "e2")), expected_epoch="e1", expected_version=4)

    expected = ["begun", "emptied", "erased", "on", "replaced"]
    assert await waiting(store) == expected
    assert await waiting(store, limit=1) == await waiting(store, limit=2) == expected


async def test_purged_conversation_is_behind(store: ConversationStore) -> None:
    """`behind` also finds a purged conversation."""
    await talk(store, empty(), 1)
    await publish_all(store)
    assert await store.purge(older_than=1e12) == 1

    assert await waiting(store) == ["ada"]


async def test_unpublished_returns_the_events_after_the_cursor(store: ConversationStore) -> None:
    """`unpublished` returns up to `limit` events after the cursor, and no events if the log has another epoch."""
    head = await talk(store, empty(), 3)
    [cursor] = await store.claim(["ada"], MINE, now=NOW)
    [first] = await store.unpublished([cursor], limit=5)
    [rest] = await store.unpublished([replace(cursor, seq=5)], limit=100)
    entries = await store.entries("ada")

    assert cursor == Cursor(sender_id="ada", epoch=head.epoch, seq=0, lease=MINE)
    assert first.epoch == head.epoch
    assert [*first.events, *rest.events] == [(entry.seq, encode_event(entry.event)) for entry in entries]

    await store.erase("ada", new_epoch="e2")
    await store.append(turn(replace(empty(), epoch="e2")))
    assert await store.unpublished([cursor], limit=5) == [UnpublishedEvents(cursor=cursor, epoch="e2")]
    await store.erase("ada", new_epoch=None)
    assert await store.unpublished([cursor], limit=5) == [UnpublishedEvents(cursor=cursor, epoch=None)]


async def test_unpublished_answers_in_order(store: ConversationStore) -> None:
    """`unpublished` returns one result per cursor, in the order of the cursors, even without new events."""
    for sender_id in ("a", "b", "c"):
        await talk(store, empty(sender_id), 1)
    cursors = {one.sender_id: one for one in await store.claim(["a", "b", "c"], MINE, now=NOW)}
    asked = [cursors["c"], replace(cursors["a"], seq=4), cursors["b"]]

    assert [(one.cursor, len(one.events)) for one in await store.unpublished(asked, limit=9)] == [
        (asked[0], 4),
        (asked[1], 0),
        (asked[2], 4),
    ]


async def test_one_owner_has_the_lease_on_a_cursor(store: ConversationStore) -> None:
    """No other owner can acquire the lease on a cursor until it has expired or its owner is dead."""
    await talk(store, empty(), 1)
    await store.claim(["ada"], OTHER, now=NOW)

    [refused] = await store.claim(["ada"], MINE, now=NOW)
    assert refused.lease == OTHER
    assert (await store.behind(after="", limit=9)).found == (("ada", OTHER),)
    [inherited] = await store.claim(["ada"], MINE, now=NOW, over=[OTHER.owner])
    assert inherited.lease == MINE
    [expired] = await store.claim(["ada"], OTHER, now=MINE.until)
    assert expired.lease == OTHER
    [again] = await store.claim(["ada"], OTHER, now=NOW)
    assert again.lease == OTHER


async def test_concurrent_claims_get_different_conversations(make_store: MakeStore) -> None:
    """Servers that claim the same conversations at the same time acquire leases on different conversations."""
    stores = [make_store() for _ in range(4)]
    for one in stores:
        await one.open()
    names = [f"s{number}" for number in range(20)]
    for name in names:
        await talk(stores[0], empty(name), 1)
    leases = [Lease(owner=f"host:{number}:0:x", until=1_000.0) for number in range(len(stores))]
    claimed = await asyncio.gather(
        *(
            one.claim(names if index % 2 else names[::-1], lease, now=NOW)
            for index, (one, lease) in enumerate(zip(stores, leases, strict=True))
        )
    )
    got = [
        [cursor.sender_id for cursor in found if cursor.lease == lease]
        for found, lease in zip(claimed, leases, strict=True)
    ]
    for one in stores:
        await one.close()

    assert sorted(name for part in got for name in part) == sorted(names)


async def test_cursor_moves_only_under_its_lease(store: ConversationStore) -> None:
    """Only the owner of the lease can move a cursor. Moving the cursor releases the lease."""
    await talk(store, empty(), 1)
    await talk(store, empty("bob"), 1)
    await store.claim(["ada", "bob"], OTHER, now=NOW)
    late = [Cursor(sender_id="ada", epoch="e1", seq=4), Cursor(sender_id="bob", epoch="e1", seq=4)]
    await store.move(late[:1], ["bob"], owner=MINE.owner)
    assert {(one.seq, one.lease) for one in await store.claim(["ada", "bob"], MINE, now=NOW)} == {(0, OTHER)}

    await store.move(late, (), owner=OTHER.owner)
    assert await waiting(store) == []
    assert {(one.seq, one.lease) for one in await store.claim(["ada", "bob"], MINE, now=NOW)} == {(4, MINE)}


async def test_an_erased_conversation_leaves_no_cursor(store: ConversationStore) -> None:
    """After `move` has removed an erased conversation's cursor, a new conversation can use its id."""
    await talk(store, empty(), 1)
    await publish_all(store)
    await store.erase("ada", new_epoch=None)
    [cursor] = await store.claim(["ada"], MINE, now=NOW)
    assert (cursor.epoch, cursor.seq) == ("e1", 4)
    await store.move((), ["ada"], owner=MINE.owner)

    assert await waiting(store) == []
    assert await store.claim(["ada", "nobody"], MINE, now=NOW) == []
    await talk(store, empty(epoch="e2"), 1)
    assert [(one.epoch, one.seq) for one in await store.claim(["ada"], MINE, now=NOW)] == [("e2", 0)]


async def test_an_erased_log_without_published_events_is_not_found(store: ConversationStore) -> None:
    """A log that was erased before any of its events were published is not found."""
    await store.begin_publishing()
    await talk(store, empty(), 1)
    await store.erase("ada", new_epoch="e2")

    assert await waiting(store) == []
    assert await store.claim(["ada"], MINE, now=NOW) == []


async def test_cursors_survive_a_restart(make_store: MakeStore) -> None:
    """Cursors are unchanged after the store is closed and opened again."""
    first = make_store()
    await first.open()
    await first.begin_publishing()
    await talk(first, empty(), 2)
    await publish_all(first)
    await first.close()
    second = make_store()
    await second.open()
    await second.begin_publishing()
    [cursor] = await second.claim(["ada"], MINE, now=NOW)
    await second.close()

    assert cursor.seq == 8
