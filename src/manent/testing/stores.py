"""The test suite that every conversation store must pass.

Import the tests, and write a fixture `make_store` that returns a `MakeStore` (`manent.testing.logs`). The suite of
`manent.testing.publishing` needs the same fixture.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import (
    BOT,
    Append,
    CancelReminders,
    Change,
    FireReminder,
    Handling,
    Head,
    Lease,
    Position,
    Reminder,
    Revocation,
    Snapshot,
    View,
)
from manent.core.errors import InternalError, StoreError
from manent.core.events import Operator, UserUttered, decode_event
from manent.runtime.ports.store import ConversationStore, DuplicateMessage, ReminderGone, VersionConflict
from manent.testing.logs import MakeStore, accept, accepted_message, empty, talk, turn

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def store(make_store: MakeStore) -> AsyncIterator[ConversationStore]:
    """An open, empty store."""
    opened = make_store()
    await opened.open()
    yield opened
    await opened.close()


async def test_append_creates_and_keeps_everything(store: ConversationStore) -> None:
    """An append creates the conversation if it does not exist. Reads return all fields of its head, entries and ids."""
    append = turn(
        empty(), "héllo \U0001f600 \x00 'quoted'", message_id="m1", snapshot=b"\x00\xffstate", divider="session"
    )
    full = replace(
        append.head,
        divider="restart",
        session_seq=2,
        plain_seq=3,
        open_turn=True,
        lease=Lease(owner="host:1:abc", until=123.456),
        owner="subject",
        started=99.25,
    )
    append = replace(append, head=full)
    await store.append(append)

    assert await store.head("ada") == full
    assert tuple(await store.entries("ada")) == append.entries
    assert await accepted_message(store, "ada", "m1") == append.accepted[0]
    loaded = await store.load("ada")
    assert loaded is not None
    assert (loaded.head, loaded.snapshot, loaded.entries) == (full, append.snapshot, ())


HANDLINGS = (
    Handling(handler="queue", since=3, waiting_since=12.5),
    Handling(handler="human", operator=Operator(id="ada", name="Ada Ó", avatar="https://example.org/a.png"), since=4),
    Handling(since=5, closed_at=99.25),
    BOT,
)


@pytest.mark.parametrize("handling", HANDLINGS)
async def test_handling_is_stored(store: ConversationStore, handling: Handling) -> None:
    """A store returns the handler of a conversation after the first append and after a later one."""
    first = turn(empty())
    first = replace(first, head=replace(first.head, handling=handling))
    await store.append(first)
    assert await store.head("ada") == first.head
    second = turn(replace(first.head, handling=HANDLINGS[0]))
    await asyncio.gather(store.append(second), *(store.append(turn(empty(f"other {n}"))) for n in range(5)))
    third = turn(replace(second.head, handling=handling))
    await asyncio.gather(store.append(third), *(store.append(turn(empty(f"third {n}"))) for n in range(5)))

    assert await store.head("ada") == third.head
    loaded = await store.load("ada")
    assert loaded is not None
    assert loaded.head == third.head


async def test_handled_conversations_are_found(store: ConversationStore) -> None:
    """`handled` returns the conversations with a given handler, ordered by id and in pages."""
    for name, handling in (("a", HANDLINGS[0]), ("b", HANDLINGS[1]), ("c", HANDLINGS[2]), ("d", HANDLINGS[0])):
        append = turn(empty(name))
        await store.append(replace(append, head=replace(append.head, handling=handling)))
    await store.append(turn(empty("e")))

    assert [head.sender_id for head in await store.handled("queue")] == ["a", "d"]
    assert [head.sender_id for head in await store.handled("queue", limit=1)] == ["a"]
    assert [head.sender_id for head in await store.handled("queue", after="a")] == ["d"]
    assert [head.handling for head in await store.handled("human")] == [HANDLINGS[1]]


@pytest.mark.parametrize("handling", HANDLINGS[:2])
async def test_reminders_of_handled_conversations_wait(store: ConversationStore, handling: Handling) -> None:
    """A reminder is not due while a person handles its conversation, and is due again afterwards."""
    reminder = Reminder(sender_id="ada", name="call", seq=1, due=50.0, intent="call")
    first = replace(turn(empty()), reminders=(reminder,))
    first = replace(first, head=replace(first.head, handling=handling))
    await store.append(first)
    assert await store.due_reminders(now=60.0) == []
    assert await store.next_reminder() is None
    second = turn(replace(first.head, handling=HANDLINGS[2]))
    await store.append(second)

    assert await store.due_reminders(now=60.0) == [reminder]
    assert await store.next_reminder() == 50.0


@pytest.mark.parametrize("word", ["", "0", "None", "'; --", None])
async def test_unusual_values_are_returned_unchanged(store: ConversationStore, word: str | None) -> None:
    """Reads return None, empty strings and strings such as "None" unchanged."""
    first = turn(empty())
    await store.append(first)
    second = turn(first.head)
    said = replace(second.entries[0], view=View(prev=0, title=word))
    lease = None if word is None else Lease(owner=word, until=0.0)
    second = replace(
        second,
        head=replace(second.head, owner=word, lease=lease, open_turn=lease is not None),
        entries=(said, *second.entries[1:]),
    )
    await store.append(second)

    assert tuple(await store.entries("ada", after=first.head.version)) == second.entries
    assert await store.head("ada") == second.head
    with pytest.raises(VersionConflict):
        await store.append(replace(turn(second.head), expected_lease=Lease(owner="other", until=0.0)))
    await store.append(replace(turn(second.head), expected_lease=lease))


async def test_reads_of_an_unknown_conversation_are_empty(store: ConversationStore) -> None:
    """Reads of a conversation that does not exist return None or an empty list."""
    assert await store.head("nobody") is None
    assert await store.load("nobody") is None
    assert await store.page("nobody", limit=10) is None
    assert await store.after("nobody", 0, limit=10) is None
    assert await store.entries("nobody") == []
    assert await store.tail("nobody", after=0, limit=10) == []
    assert await accepted_message(store, "nobody", "m1") is None
    assert await store.erase("nobody", new_epoch=None) is False


async def test_create_is_idempotent(store: ConversationStore) -> None:
    """A second `create` returns the head from the first `create` and changes nothing."""
    assert await store.create(empty(epoch="first")) == empty(epoch="first")
    assert await store.create(empty(epoch="second")) == empty(epoch="first")
    assert await store.head("ada") == empty(epoch="first")


async def test_create_at_once_makes_one(store: ConversationStore) -> None:
    """If many callers create a conversation at the same time, all of them receive the head from the first call."""
    heads = await asyncio.gather(*(store.create(empty(epoch=f"e{n}")) for n in range(20)))

    assert set(heads) == {await store.head("ada")}


async def test_append_to_created_conversation(store: ConversationStore) -> None:
    """The first append to an empty conversation must have the conversation's epoch."""
    head = await store.create(empty())
    with pytest.raises(VersionConflict):
        await store.append(turn(replace(head, epoch="other")))
    await store.append(turn(head))

    assert (await store.head("ada")) == turn(head).head


@pytest.mark.parametrize("version", [0, 3, 5, 8])
async def test_append_at_another_version_conflicts(store: ConversationStore, version: int) -> None:
    """An append that expects a version other than the log's version raises `VersionConflict` and writes nothing."""
    head = await talk(store, empty(), 1)
    stale = turn(replace(head, version=version), "late", message_id="late", snapshot=b"late")
    with pytest.raises(VersionConflict):
        await store.append(stale)

    assert await store.head("ada") == head
    assert len(await store.entries("ada")) == 4
    assert await accepted_message(store, "ada", "late") is None
    loaded = await store.load("ada")
    assert loaded is not None
    assert loaded.snapshot is None


async def test_append_to_missing_log_beyond_its_start_conflicts(store: ConversationStore) -> None:
    """If a conversation does not exist, an append that expects a version above 0 raises `VersionConflict`."""
    with pytest.raises(VersionConflict):
        await store.append(turn(replace(empty(), version=4)))

    assert await store.head("ada") is None


async def test_append_under_another_epoch_conflicts(store: ConversationStore) -> None:
    """An append with the right version and the wrong epoch raises `VersionConflict`."""
    head = await talk(store, empty(), 1)
    with pytest.raises(VersionConflict):
        await store.append(turn(replace(head, epoch="e2")))

    assert await store.head("ada") == head


async def test_used_message_id_is_rejected(store: ConversationStore) -> None:
    """A conversation accepts each message id once.

    `DuplicateMessage` contains the first acceptance, and nothing is written.
    """
    first = turn(empty(), "one", message_id="m1")
    await store.append(first)
    with pytest.raises(DuplicateMessage) as refused:
        await store.append(turn(first.head, "two", message_id="m1"))

    assert refused.value.accepted == first.accepted[0]
    assert await store.head("ada") == first.head
    await store.append(turn(first.head, "three", message_id="m2"))
    await store.append(turn(empty("bob"), "four", message_id="m1"))


async def test_wrongly_numbered_append_is_rejected(store: ConversationStore) -> None:
    """`append` rejects entries that are not numbered from the expected version to the version of the head."""
    append = turn(empty())
    with pytest.raises(InternalError):
        await store.append(replace(append, entries=append.entries[1:]))

    assert await store.head("ada") is None


async def test_one_of_two_servers_takes_over_a_lease(store: ConversationStore) -> None:
    """An append that expects a lease other than the log's lease raises `VersionConflict`."""
    dead, heir, late = (Lease(owner=f"host:{number}:1:a", until=100.5 + number) for number in range(3))
    first = turn(empty())
    await store.append(replace(first, head=replace(first.head, open_turn=True, lease=dead)))
    held = await store.head("ada")
    assert held is not None
    take = Append(head=replace(held, lease=heir), expected_version=held.version, expected_lease=dead)
    await store.append(take)
    for stale in (replace(take, head=replace(held, lease=late)), replace(turn(held), expected_lease=dead), turn(held)):
        with pytest.raises(VersionConflict):
            await store.append(stale)
    assert await store.head("ada") == take.head

    after = turn(take.head)
    await store.append(replace(after, head=replace(after.head, lease=None), expected_lease=heir))
    assert (await store.entries("ada"))[-1].seq == after.head.version


async def test_append_without_entries_moves_the_head(store: ConversationStore) -> None:
    """An append without entries changes the lease and `plain_seq` under the same conditions as other appends."""
    head = await talk(store, empty(), 1)
    moved = replace(head, plain_seq=3, lease=Lease(owner="host:1:x", until=9.0), open_turn=True)
    await store.append(Append(head=moved, expected_version=head.version))

    assert await store.head("ada") == moved
    with pytest.raises(VersionConflict):
        await store.append(Append(head=replace(moved, epoch="e2"), expected_version=head.version))


async def test_append_keeps_a_greater_plain_seq(store: ConversationStore) -> None:
    """A server that does not know what a plain client has confirmed elsewhere does not reset it."""
    known = await talk(store, empty(), 1)
    other = await talk(store, empty("eve"), 1)
    for head in (known, other):
        await store.append(Append(head=replace(head, plain_seq=3), expected_version=head.version))
    await asyncio.gather(store.append(turn(known)), store.append(turn(other)))  # PostgreSQL writes them together
    await store.append(turn(turn(known).head))

    assert [(await store.head(name) or known).plain_seq for name in ("ada", "eve")] == [3, 3]


async def test_order_and_ranges_of_entries(store: ConversationStore) -> None:
    """`entries` returns up to a limit of entries after a `seq`, in log order."""
    await talk(store, empty(), 30)

    assert [entry.seq for entry in await store.entries("ada")] == list(range(1, 121))
    assert [entry.seq for entry in await store.entries("ada", after=117)] == [118, 119, 120]
    assert [entry.seq for entry in await store.entries("ada", after=7, limit=2)] == [8, 9]
    assert await store.entries("ada", after=120) == []


async def test_tail_is_the_newest_as_json(store: ConversationStore) -> None:
    """`tail` returns the newest events after a `seq` as JSON, oldest first."""
    await talk(store, empty(), 5)
    newest = [entry.event for entry in await store.entries("ada", after=17)]

    assert [decode_event(data) for data in await store.tail("ada", after=0, limit=3)] == newest
    assert [decode_event(data) for data in await store.tail("ada", after=18, limit=100)] == newest[1:]
    assert await store.tail("ada", after=20, limit=100) == []


async def test_load_returns_the_newest_snapshot_and_later_entries(store: ConversationStore) -> None:
    """`load` returns the newest snapshot, or an older one on request, and all entries after it."""
    head = await talk(store, empty(), 5, snapshot_every=2)
    newest = await store.load("ada")
    assert newest is not None
    assert newest.head == head
    assert newest.snapshot == Snapshot(version=16, data=b"state 4")
    assert [entry.seq for entry in newest.entries] == [17, 18, 19, 20]

    older = await store.load("ada", before=16)
    assert older is not None
    assert older.snapshot == Snapshot(version=8, data=b"state 2")
    assert [entry.seq for entry in older.entries] == list(range(9, 21))

    first = await store.load("ada", before=8)
    assert first is not None
    assert first.snapshot is None
    assert len(first.entries) == 20


async def test_snapshot_of_same_version_is_replaced(store: ConversationStore) -> None:
    """An append without entries can replace the snapshot of the current version."""
    append = turn(empty(), snapshot=b"old")
    await store.append(append)
    again = Append(head=append.head, expected_version=4, snapshot=Snapshot(version=4, data=b"new"))
    await store.append(again)
    loaded = await store.load("ada")

    assert loaded is not None
    assert loaded.snapshot == again.snapshot


async def test_old_snapshots_are_thinned(store: ConversationStore) -> None:
    """A long conversation has few snapshots, and reading the state `d` events earlier needs at most `2 * d` events."""
    head = await talk(store, empty(), 200, snapshot_every=1)
    found, before = [], head.version + 1
    while (loaded := await store.load("ada", before=before)) is not None and loaded.snapshot is not None:
        before = loaded.snapshot.version
        found.append(before)

    assert found[:3] == [head.version, head.version - 4, head.version - 8]
    assert len(found) < 20
    for back in range(4, head.version):
        reached = next((version for version in found if version <= head.version - back), 0)
        assert head.version - reached <= 2 * back


async def test_page_back_through_visible_entries(store: ConversationStore) -> None:
    """Paging back with `page` returns each visible entry once, and `has_more` is False at the start of the log."""
    head = await talk(store, empty(), 4)
    visible = [1, 3, 5, 7, 9, 11, 13, 15]
    last = await store.page("ada", limit=3)
    assert last is not None
    assert last.head == head
    assert [entry.seq for entry in last.entries] == visible[5:]
    assert last.has_more

    middle = await store.page("ada", limit=3, before=11)
    assert middle is not None
    assert [entry.seq for entry in middle.entries] == visible[2:5]
    assert middle.has_more
    first = await store.page("ada", limit=3, before=5)
    assert first is not None
    assert [entry.seq for entry in first.entries] == visible[:2]
    assert not first.has_more
    exact = await store.page("ada", limit=8)
    assert exact is not None
    assert not exact.has_more
    assert all(entry.view is not None for entry in exact.entries)


async def test_after_reads_on_from_a_cursor(store: ConversationStore) -> None:
    """`after` returns the visible entries after a `seq`, and `has_more` is true if newer ones exist."""
    head = await talk(store, empty(), 3)
    some = await store.after("ada", 3, limit=2)
    assert some is not None
    assert some.head == head
    assert [entry.seq for entry in some.entries] == [5, 7]
    assert some.has_more

    rest = await store.after("ada", 7, limit=2)
    assert rest is not None
    assert [entry.seq for entry in rest.entries] == [9, 11]
    assert not rest.has_more
    beyond = await store.after("ada", 1000, limit=2)
    assert beyond is not None
    assert beyond.entries == ()


async def test_reopened_store_has_the_same_data(make_store: MakeStore) -> None:
    """After a store is closed, another instance that uses the same data returns them unchanged and accepts appends."""
    first = make_store()
    await first.open()
    head = await talk(first, empty(), 3, snapshot_every=1)
    await first.put_meta("secret", b"s")
    await first.close()
    second = make_store()
    await second.open()

    loaded = await second.load("ada")
    assert loaded is not None
    assert loaded.head == head
    assert loaded.snapshot == Snapshot(version=12, data=b"state 3")
    assert await second.get_meta("secret") == b"s"
    await talk(second, head, 1)
    assert len(await second.entries("ada")) == 16
    await second.close()


async def test_erase_removes_all_data(store: ConversationStore) -> None:
    """Erasing removes the head, events, ids and snapshots, and the conversation can start again."""
    first = turn(empty(), message_id="m1", snapshot=b"state")
    await store.append(first)
    other = await talk(store, empty("bob"), 1)
    assert await store.erase("ada", new_epoch=None) is True

    assert await store.head("ada") is None
    assert await store.entries("ada") == []
    assert await accepted_message(store, "ada", "m1") is None
    assert [head.sender_id for head in await store.conversations()] == ["bob"]
    assert await store.head("bob") == other
    with pytest.raises(VersionConflict):
        await store.append(turn(first.head))
    again = turn(empty(epoch="e2"), message_id="m1")
    await store.append(again)
    loaded = await store.load("ada")
    assert loaded is not None
    assert loaded.snapshot is None
    assert loaded.entries == again.entries


async def test_erase_with_new_epoch_leaves_an_empty_one(store: ConversationStore) -> None:
    """Erasing with a new epoch keeps id and owner. Appends with the old epoch raise `VersionConflict`."""
    append = turn(replace(empty(), owner="subject", session_seq=1, plain_seq=1, divider="session"))
    await store.append(append)
    assert await store.erase("ada", new_epoch="e2") is True
    head = await store.head("ada")

    assert head is not None
    expected = Head(sender_id="ada", epoch="e2", owner="subject", started=head.started, updated=head.updated)
    assert head == expected
    assert await store.entries("ada") == []
    for stale in (append.head, empty()):
        with pytest.raises(VersionConflict):
            await store.append(turn(stale))
    await store.append(turn(head))


async def test_replace_removes_the_old_log_and_writes_the_new_one(store: ConversationStore) -> None:
    """If the log has the expected epoch and version, `replace` removes the log and writes the new one."""
    old = turn(empty(), "old words", message_id="m1", snapshot=b"old")
    await store.append(old)
    new = turn(empty(epoch="e2"), "new words", message_id="m2")
    await store.replace(new, expected_epoch="e1", expected_version=4)

    assert await store.head("ada") == new.head
    assert tuple(await store.entries("ada")) == new.entries
    assert await accepted_message(store, "ada", "m1") is None
    assert await accepted_message(store, "ada", "m2") == new.accepted[0]
    loaded = await store.load("ada")
    assert loaded is not None
    assert loaded.snapshot is None
    with pytest.raises(VersionConflict):
        await store.replace(turn(empty(epoch="e3")), expected_epoch="e1", expected_version=4)
    with pytest.raises(VersionConflict):
        await store.replace(turn(empty("nobody")), expected_epoch="e1", expected_version=0)
    with pytest.raises(VersionConflict):
        await store.append(turn(old.head))
    assert await store.head("ada") == new.head


async def test_replace_raises_if_the_log_has_grown(store: ConversationStore) -> None:
    """If the log was extended after it was read, `replace` raises `VersionConflict` and writes nothing."""
    read = turn(empty(), message_id="m1")
    await store.append(read)
    joined = turn(replace(read.head, handling=HANDLINGS[1]), "joined")
    await store.append(joined)
    new = turn(empty(epoch="e2"), "new words")
    for version in (0, read.head.version, joined.head.version + 1):
        with pytest.raises(VersionConflict):
            await store.replace(new, expected_epoch="e1", expected_version=version)

    assert await store.head("ada") == joined.head
    assert tuple(await store.entries("ada")) == (*read.entries, *joined.entries)
    assert await accepted_message(store, "ada", "m1") == read.accepted[0]
    await store.replace(new, expected_epoch="e1", expected_version=joined.head.version)
    assert await store.head("ada") == new.head


async def test_one_of_a_replacement_and_an_append_wins(store: ConversationStore) -> None:
    """If a log is replaced and extended at the same time, exactly one of both calls succeeds."""
    for number in range(10):
        first = await talk(store, empty(f"ada{number}"), 1)
        new = turn(empty(first.sender_id, "e2"), "new words")
        results = await asyncio.gather(
            store.replace(new, expected_epoch="e1", expected_version=first.version),
            store.append(turn(first, "more")),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["NoneType", "VersionConflict"]
        head = await store.head(first.sender_id)
        assert head is not None
        assert head.epoch == ("e2" if results[0] is None else "e1")


async def test_conversations_in_order(store: ConversationStore) -> None:
    """`conversations` returns all heads page by page, ordered by id."""
    for name in ("c", "a", "é", "b", "B"):
        await store.create(empty(name))
    assert [head.sender_id for head in await store.conversations()] == ["B", "a", "b", "c", "é"]

    assert [head.sender_id for head in await store.conversations(limit=2)] == ["B", "a"]
    assert [head.sender_id for head in await store.conversations(after="a", limit=2)] == ["b", "c"]


async def test_conversations_of_an_owner(store: ConversationStore) -> None:
    """With an owner, `conversations` returns only the owner's heads, newest first."""
    for name, owner, updated in (("a", "o", 1.0), ("b", "o", 3.0), ("c", "p", 9.0), ("d", None, 9.0), ("e", "o", 2.0)):
        await store.create(replace(empty(name), owner=owner, updated=updated))

    assert [head.sender_id for head in await store.conversations(owner="o")] == ["b", "e", "a"]
    assert [head.sender_id for head in await store.conversations(owner="o", limit=1)] == ["b"]
    assert await store.conversations(owner="nobody") == []


async def test_changes_since_positions(store: ConversationStore) -> None:
    """`changes` returns the conversations that differ from a position, with their next entries."""
    await talk(store, empty("ada"), 2)
    await store.append(turn(empty("bob"), "hi"))
    await store.create(empty("eve", epoch="other"))
    ada, bob, eve = [await store.head(name) for name in ("ada", "bob", "eve")]
    assert ada is not None
    assert bob is not None
    entries = await store.entries("ada", after=3)
    positions = [
        Position(sender_id="eve", epoch="earlier", version=9),
        Position(sender_id="nobody"),
        Position(sender_id="ada", epoch=ada.epoch, version=3),
        Position(sender_id="bob", epoch=bob.epoch, version=bob.version),
    ]
    changes = {change.position.sender_id: change for change in await store.changes(positions, limit=100)}

    assert changes == {
        "eve": Change(position=positions[0], head=eve),
        "nobody": Change(position=positions[1], head=None),
        "ada": Change(position=positions[2], head=ada, entries=tuple(entries)),
    }
    limited = {change.position.sender_id: change for change in await store.changes(positions, limit=2)}
    assert limited["ada"] == Change(position=positions[2], head=ada, entries=tuple(entries[:2]))
    assert (await store.changes(positions[2:], limit=0)) == [Change(position=positions[2], head=ada)]
    assert await store.changes([], limit=1) == []


async def test_changes_of_many_conversations(store: ConversationStore) -> None:
    """`changes` returns each changed conversation once, with its own entries."""
    heads = [empty(f"v{number}") for number in range(60)]
    for head in heads:
        await store.append(turn(head, f"I am {head.sender_id}"))
    changes = await store.changes([Position(sender_id=head.sender_id, epoch=head.epoch) for head in heads], limit=100)

    assert sorted(change.position.sender_id for change in changes) == sorted(head.sender_id for head in heads)
    for change in changes:
        assert list(change.entries) == await store.entries(change.position.sender_id)


async def test_unfinished_turns_are_found(store: ConversationStore) -> None:
    """`unfinished` finds open turns without a valid lease, but not finished or leased turns."""
    cases: list[tuple[str, bool, float | None]] = [
        ("done", False, None),
        ("free", True, None),
        ("held", True, 200.0),
        ("over", True, 100.0),
    ]
    for number, (name, is_open, until) in enumerate(cases):
        lease = None if until is None else Lease(owner="host:1:x", until=until)
        await store.create(replace(empty(name), open_turn=is_open, lease=lease, updated=float(number)))

    assert [head.sender_id for head in await store.unfinished(now=150.0)] == ["free", "over"]
    assert [head.sender_id for head in await store.unfinished(now=250.0)] == ["free", "held", "over"]
    assert [head.sender_id for head in await store.unfinished(now=250.0, limit=1)] == ["free"]
    over = ["host:1:x", "another"]
    assert [head.sender_id for head in await store.unfinished(now=150.0, over=over)] == ["free", "held", "over"]
    assert [head.sender_id for head in await store.unfinished(now=float("-inf"))] == ["free"]


async def lease_of(store: ConversationStore, name: str) -> Lease | None:
    """Return the lease on a conversation's open turn."""
    head = await store.head(name)
    assert head is not None
    return head.lease


async def test_leases_of_one_owner_are_renewed_and_released(store: ConversationStore) -> None:
    """Renewing and releasing change all of an owner's leases on open turns, and no other leases."""
    assert await store.lease_owners() in ([], set())
    before = await store.renew_leases("mine", for_s=60.0)
    assert before == pytest.approx(time.time(), abs=5)
    cases = [("a", "mine", True), ("b", "mine", True), ("c", "other", True), ("d", "mine", False), ("e", None, True)]
    for name, owner, is_open in cases:
        lease = None if owner is None else Lease(owner=owner, until=100.0)
        await store.create(replace(empty(name), open_turn=is_open, lease=lease))
    assert set(await store.lease_owners()) == {"mine", "other", None}

    now = await store.renew_leases("mine", for_s=60.0)
    ends = {name: lease.until for name, _, _ in cases if (lease := await lease_of(store, name)) is not None}
    assert ends == {"a": pytest.approx(now + 60, abs=1), "b": pytest.approx(now + 60, abs=1), "c": 100.0, "d": 100.0}
    await store.release_leases("mine")
    assert [await lease_of(store, name) for name in "abe"] == [None] * 3
    assert await lease_of(store, "c") == Lease(owner="other", until=100.0)
    assert set(await store.lease_owners()) == {"other", None}


async def test_append_keeps_a_renewal(store: ConversationStore) -> None:
    """An append by the owner of a lease succeeds after a renewal, and does not shorten the renewed lease."""
    lease = Lease(owner="mine", until=100.0)
    first = turn(empty())
    first = replace(first, head=replace(first.head, open_turn=True, lease=lease))
    await store.append(first)
    await store.renew_leases("mine", for_s=60.0)
    renewed = await lease_of(store, "ada")
    assert renewed is not None
    step = Append(head=replace(first.head, plain_seq=1), expected_version=first.head.version, expected_lease=lease)
    await store.append(step)
    assert await lease_of(store, "ada") == renewed

    taken = Lease(owner="other", until=200.0)
    await store.append(replace(step, head=replace(first.head, lease=taken)))
    assert await lease_of(store, "ada") == taken
    with pytest.raises(VersionConflict):
        await store.append(step)


async def test_first_put_meta_wins(store: ConversationStore) -> None:
    """Only the first `put_meta` for a key stores its value, and all callers receive this value."""
    assert await store.get_meta("secret") is None
    values = await asyncio.gather(*(store.put_meta("secret", b"%d" % n) for n in range(10)))

    assert len(set(values)) == 1
    assert await store.put_meta("secret", b"late") == values[0]
    assert await store.get_meta("secret") == values[0]
    assert await store.put_meta("empty", b"") == b""
    assert await store.get_meta("empty") == b""


async def test_one_of_many_swaps_succeeds(store: ConversationStore) -> None:
    """If several servers replace the same value, exactly one succeeds.

    If the expected value is wrong, nothing changes.
    """
    assert await store.swap_meta("model", b"1", expected=b"0") is False
    assert await store.swap_meta("model", b"1", expected=None) is True
    assert await store.swap_meta("model", b"2", expected=None) is False
    swapped = await asyncio.gather(*(store.swap_meta("model", b"%d" % n, expected=b"1") for n in range(5, 15)))

    assert sorted(swapped) == [False] * 9 + [True]
    assert await store.get_meta("model") == b"%d" % (5 + swapped.index(True))


async def test_reports_of_servers_expire(store: ConversationStore) -> None:
    """A server is listed with its newest report until the report expires or is removed."""
    await store.report_server("one", ready=0, for_s=60.0)
    await store.report_server("gone", ready=0, for_s=0.0)
    assert await store.report_server("two", ready=3, for_s=60.0) == {"one": 0, "two": 3}
    assert await store.report_server("one", ready=3, for_s=60.0) == {"one": 3, "two": 3}
    await store.remove_server("two")
    await store.remove_server("nobody")

    assert await store.report_server("one", ready=4, for_s=60.0) == {"one": 4}


async def test_model_files_are_stored_in_parts(store: ConversationStore) -> None:
    """The first version of a model part is kept, and parts of models that are not kept are removed."""
    for digest in ("a", "b", "c"):
        await store.put_model_part(digest, 0, digest.encode() * 1000)
        await store.put_model_part(digest, 1, b"")
    await store.put_model_part("a", 0, b"other")
    await store.keep_models(["a", "c", "z"])

    assert await store.model_part("a", 0) == b"a" * 1000
    assert await store.model_part("a", 1) == b""
    assert await store.model_part("a", 2) is None
    assert await store.model_part("b", 0) is None
    assert await store.model_part("c", 0) == b"c" * 1000
    await store.keep_models([])
    assert await store.model_part("a", 0) is None


async def test_many_appenders_at_once(store: ConversationStore) -> None:
    """Concurrent appends to many conversations are all written, and each log is in order."""

    async def chat(name: str) -> Head:
        return await talk(store, empty(name), 10)

    heads = await asyncio.gather(*(chat(f"visitor {n}") for n in range(40)))
    for head in heads:
        assert await store.head(head.sender_id) == head
        entries = await store.entries(head.sender_id)
        assert [entry.seq for entry in entries] == list(range(1, 41))
        assert [e.event.text for e in entries if isinstance(e.event, UserUttered)] == [
            f"message {n}" for n in range(1, 11)
        ]


async def test_one_conflict_fails_alone(store: ConversationStore) -> None:
    """A conflict in one of many concurrent appends makes only this append fail."""
    heads = [await talk(store, empty(f"visitor {n}"), 1) for n in range(30)]
    appends = [turn(head, "again", message_id="m") for head in heads]
    appends[7] = turn(replace(heads[7], version=0), "stale")
    appends[21] = turn(replace(heads[21], epoch="other"), "stale")
    appends[22] = replace(appends[22], accepted=(*appends[22].accepted, accept("n", 5, "x")))
    results = await asyncio.gather(*(store.append(append) for append in appends), return_exceptions=True)

    assert [n for n, result in enumerate(results) if result is not None] == [7, 21]
    assert isinstance(results[7], VersionConflict)
    assert isinstance(results[21], VersionConflict)
    for n, append in enumerate(appends):
        assert await store.head(append.head.sender_id) == (heads[n] if n in (7, 21) else append.head)
    second = await asyncio.gather(
        *(store.append(turn(append.head, "more", message_id="m")) for append in (appends[3], appends[4])),
        store.append(turn(appends[5].head, "more", message_id="other")),
        return_exceptions=True,
    )
    assert [type(result) for result in second] == [DuplicateMessage, DuplicateMessage, type(None)]


async def test_race_for_one_version_has_one_winner(store: ConversationStore) -> None:
    """If many concurrent appends expect the same version, exactly one of them is written."""
    head = await talk(store, empty(), 1)
    appends = [turn(head, f"claim {n}") for n in range(20)]
    results = await asyncio.gather(*(store.append(append) for append in appends), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["VersionConflict"] * 19
    winner = next(append for append, result in zip(appends, results, strict=True) if result is None)
    assert tuple(await store.entries("ada", after=4)) == winner.entries


async def test_appends_in_a_row_without_waiting(store: ConversationStore) -> None:
    """Appends to one conversation are written in the order of the calls, even if the caller does not await each one."""
    head = empty()
    appends = []
    for number in range(10):
        appends.append(turn(head, f"message {number}"))
        head = appends[-1].head
    await asyncio.gather(*(store.append(append) for append in appends))

    assert await store.head("ada") == head
    assert tuple(await store.entries("ada")) == tuple(entry for append in appends for entry in append.entries)


async def test_unusable_text_fails_alone(store: ConversationStore) -> None:
    """Text that a database cannot store raises an error or is stored, and other appends succeed."""
    odd = replace(empty(), sender_id="odd \ud800")
    results = await asyncio.gather(
        store.append(turn(odd)), store.append(turn(empty("bob"))), store.create(odd), return_exceptions=True
    )
    assert results[1] is None
    assert all(result is None or isinstance(result, StoreError | Head) for result in results)

    assert await store.head("bob") is not None


async def test_failed_append_leaves_no_data(store: ConversationStore) -> None:
    """A failed append leaves no data in the store, and other concurrent appends succeed."""
    known = await talk(store, empty("known"), 1)
    appends = [turn(known, "fine so far"), turn(empty("new"), "fine so far"), turn(empty("bob"))]
    for n in (0, 1):
        broken = list(appends[n].entries)
        broken[2] = replace(broken[2], view=View(prev=broken[0].seq, title="\ud800"))
        appends[n] = replace(appends[n], entries=tuple(broken))
    results = await asyncio.gather(*(store.append(append) for append in appends), return_exceptions=True)

    assert results[2] is None
    assert await store.head("bob") == appends[2].head
    for before, append, result in zip((known, None), appends, results, strict=False):
        assert result is None or isinstance(result, StoreError)
        assert await store.head(append.head.sender_id) == (append.head if result is None else before)
    entries = await store.entries("known")
    assert [entry.seq for entry in entries] == list(range(1, 5 if results[0] else 9))


async def test_read_after_an_append_includes_it(store: ConversationStore) -> None:
    """A read that begins after an append has returned includes this append."""
    head = await store.create(empty())
    for number in range(50):
        append = turn(head, f"message {number}")
        await store.append(append)
        head = append.head
        assert await store.head("ada") == head
        page = await store.after("ada", append.expected_version, limit=10)
        assert page is not None
        assert len(page.entries) == 2


async def test_head_and_entries_of_a_page_belong_together(store: ConversationStore) -> None:
    """During concurrent appends, the head and the entries of a page or a load are consistent."""
    done = asyncio.Event()

    async def read() -> int:
        reads = 0
        while not done.is_set():
            page = await store.page("ada", limit=2)
            loaded = await store.load("ada")
            await asyncio.sleep(0)
            if page is not None and loaded is not None:
                reads += 1
                assert page.entries[-1].seq == page.head.visible
                assert loaded.entries[-1].seq == loaded.head.version
        return reads

    reader = asyncio.create_task(read())
    await talk(store, empty(), 60)
    await asyncio.sleep(0.01)
    done.set()
    assert await reader > 0


async def test_purge_removes_old_conversations(store: ConversationStore) -> None:
    """`purge` removes all data of conversations that have not changed since a given time, and no other data."""
    for number in range(250):
        await store.create(replace(empty(f"old {number}"), updated=1.0))
    await talk(store, replace(empty("old"), updated=10.0), 2)
    head = await talk(store, empty("young"), 2)
    many = [replace(empty(f"new {number}"), updated=60.0) for number in range(2_100)]  # more than a store reads at once
    await asyncio.gather(*(store.create(one) for one in many))

    assert await store.purge(older_than=50.0) == 251
    assert len(await store.conversations(limit=3_000)) == 2_101
    assert await store.purge(older_than=70.0) == 2_100
    assert await store.conversations() == [head]
    assert await store.entries("old") == []
    assert await store.purge(older_than=50.0) == 0


async def test_close_finishes_queued_work(make_store: MakeStore) -> None:
    """Appends that were called before `close` are written. Later calls raise `store_closed`."""
    store = make_store()
    await store.open()
    appends = [asyncio.ensure_future(store.append(turn(empty(f"visitor {n}")))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*appends)
    for refused in (store.append(turn(empty("late"))), store.head("late")):
        with pytest.raises(StoreError) as error:
            await refused
        assert error.value.code == "store_closed"
    await store.close()

    again = make_store()
    await again.open()
    assert len(await again.conversations()) == 50
    await again.close()


async def test_store_works_after_a_cancelled_append(store: ConversationStore) -> None:
    """The store continues to work after a caller cancels a queued append."""
    first = asyncio.ensure_future(store.append(turn(empty())))
    await asyncio.sleep(0)
    first.cancel()
    await store.append(turn(empty("bob")))

    assert await store.head("bob") is not None


def _remind(
    head: Head, name: str = "tea", *, due: float = 50.0, intent: str = "ping", entities: object = None
) -> Append:
    """Return an append with one turn that schedules a reminder."""
    append = turn(head)
    reminder = Reminder(
        sender_id=head.sender_id, name=name, seq=append.head.version, due=due, intent=intent, entities=entities
    )
    return replace(append, reminders=(reminder,))


async def test_reminders_are_due_in_order(store: ConversationStore) -> None:
    """`due_reminders` returns the due reminders of all conversations, the most overdue first."""
    for sender_id, due in (("ada", 30.0), ("bob", 10.0), ("cyd", 20.0)):
        await store.append(_remind(empty(sender_id), due=due))

    assert [one.sender_id for one in await store.due_reminders(now=25.0)] == ["bob", "cyd"]
    assert [one.sender_id for one in await store.due_reminders(now=99.0, limit=1)] == ["bob"]
    assert await store.due_reminders(now=5.0) == []
    assert await store.next_reminder() == 10.0


async def test_reminder_is_stored_with_all_fields(make_store: MakeStore) -> None:
    """A reminder keeps all its fields when the store is closed and opened again."""
    store = make_store()
    await store.open()
    append = _remind(empty(), entities={"what": "tea"})
    await store.append(append)
    await store.close()
    store = make_store()
    await store.open()

    assert tuple(await store.due_reminders(now=99.0)) == append.reminders
    await store.close()


async def test_same_name_replaces_a_reminder(store: ConversationStore) -> None:
    """A reminder replaces an earlier one with the same name in the same conversation, but not in others."""
    first = _remind(empty(), due=10.0)
    await store.append(first)
    await store.append(_remind(first.head, due=60.0))
    await store.append(_remind(empty("bob"), due=20.0))

    assert [(one.sender_id, one.due) for one in await store.due_reminders(now=99.0)] == [("bob", 20.0), ("ada", 60.0)]


@pytest.mark.parametrize(
    ("cancel", "left"),
    [
        (CancelReminders(), []),
        (CancelReminders(name="tea"), ["cake"]),
        (CancelReminders(intent="eat"), ["tea"]),
        (CancelReminders(entities=[{"entity": "what", "value": "tea"}]), ["cake"]),
        (CancelReminders(name="tea", intent="eat"), ["tea", "cake"]),
    ],
)
async def test_cancel_matches_every_given_field(
    store: ConversationStore, cancel: CancelReminders, left: list[str]
) -> None:
    """A cancellation removes the reminders that match all its conditions.

    Without conditions, it removes all reminders.
    """
    first = _remind(empty(), "tea", due=1.0, entities={"what": "tea"})
    await store.append(first)
    second = _remind(first.head, "cake", due=2.0, intent="eat")
    await store.append(second)
    await store.append(replace(turn(second.head), reminders=(cancel,)))

    assert [one.name for one in await store.due_reminders(now=99.0)] == left


async def test_reminder_fires_once(store: ConversationStore) -> None:
    """Only the first append that fires a reminder is written. Later ones raise `ReminderGone`."""
    scheduled = _remind(empty())
    await store.append(scheduled)
    fire = FireReminder(name="tea", seq=scheduled.head.version)
    fired = replace(turn(scheduled.head, "fired"), reminders=(fire,))
    await store.append(fired)

    assert await store.next_reminder() is None
    with pytest.raises(ReminderGone):
        await store.append(replace(turn(fired.head, "again"), reminders=(fire,)))
    with pytest.raises(ReminderGone):
        await store.append(replace(turn(fired.head), reminders=(replace(fire, seq=1),)))
    assert await store.head("ada") == fired.head


async def test_reminders_end_with_their_conversation(store: ConversationStore) -> None:
    """Erasing, replacing or purging a conversation removes its reminders."""
    for sender_id in ("ada", "bob", "cyd"):
        await store.append(_remind(empty(sender_id)))
    await store.erase("ada", new_epoch="e2")
    [bob] = [head for head in await store.conversations() if head.sender_id == "bob"]
    await store.replace(turn(replace(empty("bob"), epoch="e2")), expected_epoch="e1", expected_version=bob.version)
    assert [one.sender_id for one in await store.due_reminders(now=99.0)] == ["cyd"]
    await store.purge(older_than=1e12)

    assert await store.next_reminder() is None


async def test_writes_of_another_process_end_a_wait(make_store: MakeStore) -> None:
    """An append, an erase and a revocation through one store end the wait in another store that uses the same data."""
    here, there = make_store(), make_store()
    if here is there:
        pytest.skip("no other process can write to this process's memory")
    await here.open()
    await there.open()
    await here.news(within_s=5)  # notifications of writes that were made before it listened
    works = [
        there.append(turn(empty())),
        there.erase("ada", new_epoch="e2"),
        there.revoke(Revocation(kind="subject", value="ada", made=1.0)),
    ]
    for work in works:
        listening = asyncio.create_task(here.news(within_s=20))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await work
        heard = await listening
        assert heard is None or "ada" in heard
        assert time.monotonic() - began < 5
    await here.close()
    await there.close()


async def test_own_writes_do_not_end_a_wait(store: ConversationStore) -> None:
    """A store's own writes do not end its wait for writes by other processes."""
    await store.news(within_s=2)
    listening = asyncio.create_task(store.news(within_s=30))
    await talk(store, empty(), 3)
    await asyncio.wait({listening}, timeout=0.3)

    assert not listening.done()
    listening.cancel()


async def test_revocations_are_kept_and_replaced(store: ConversationStore) -> None:
    """A revocation replaces an earlier one for the same subject or token, and reads return it unchanged."""
    everything = Revocation(kind="subject", value="ada", made=10.5)
    older_ones = Revocation(kind="subject", value="ada", before=9.0, made=11.5)
    one_token = Revocation(kind="token", value="ada", made=12.5)
    for revocation in (everything, one_token, older_ones):
        await store.revoke(revocation)
    lifted = replace(one_token, lifted=True, made=13.5)
    await store.revoke(lifted)

    assert list(await store.revocations()) == [older_ones, lifted]
    assert list(await store.revocations(since=13.5)) == [lifted]
    assert list(await store.revocations(since=13.6)) == []


async def test_check_writable(store: ConversationStore) -> None:
    """`check_writable` succeeds on an open store, raises an error on a closed one, and changes no conversation."""
    head = await talk(store, empty(), 1)
    await store.check_writable()
    await store.check_writable()
    assert await store.conversations() == [head]
    await store.close()
    with pytest.raises(StoreError):
        await store.check_writable()
