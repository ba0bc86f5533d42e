"""Laws of reading a log from a cursor: no visible entry is left out, none comes twice, whatever the page sizes."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from manent.core.conversation_log import Append, Head, LogEntry
from manent.core.domain import Domain
from manent.core.events import ActionExecuted, BotUttered, Event
from manent.core.tracker import Tracker
from manent.runtime.conversation.numbering import Numbering
from manent.runtime.ports.store import ConversationStore
from manent.stores.memory import MemoryStore
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty

EVENTS = st.lists(
    st.one_of(
        st.builds(BotUttered, text=st.text(min_size=1, max_size=4), timestamp=st.just(1.0)),
        st.builds(ActionExecuted, name=st.just("action_listen"), timestamp=st.just(1.0)),
    ),
    min_size=1,
    max_size=20,
)
APPENDS = st.lists(EVENTS, min_size=1, max_size=5)
NAMES = (f"visitor {number}" for number in count())

without_deadline = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[ConversationStore, ...]]:
    """A store in memory and one in a file."""
    opened = (MemoryStore(), SqliteStore(tmp_path / "store.db"))
    for store in opened:
        await store.open()
    yield opened
    for store in opened:
        await store.close()


def numbered(head: Head, events: list[Event]) -> Append:
    """Number events on top of a head, as a turn does."""
    numbering = Numbering(head, Tracker(head.sender_id, Domain()))
    entries = numbering.entries(events)
    return Append(head=numbering.head_after(head), expected_version=head.version, entries=entries)


async def write(store: ConversationStore, name: str, appends: list[list[Event]]) -> list[LogEntry]:
    """Write all appends; return the visible entries."""
    head, visible = empty(name), list[LogEntry]()
    for events in appends:
        append = numbered(head, events)
        await store.append(append)
        head = append.head
        visible += [entry for entry in append.entries if entry.view is not None]
    return visible


@without_deadline
@given(appends=APPENDS)
def test_visible_entries_form_a_chain(appends: list[list[Event]]) -> None:
    """Every visible entry names the one before it, and the head names the newest, over all appends."""
    head, newest = empty(), 0
    for events in appends:
        append = numbered(head, events)
        for entry in append.entries:
            if entry.view is not None:
                assert entry.view.prev == newest
                newest = entry.seq
        head = append.head
        assert head.visible == newest
        assert head.version == append.expected_version + len(events)


@without_deadline
@given(appends=APPENDS, start=st.integers(0, 25), sizes=st.lists(st.integers(1, 7), min_size=1, max_size=6))
async def test_reading_on_leaves_no_gap(
    stores: tuple[ConversationStore, ...], appends: list[list[Event]], start: int, sizes: list[int]
) -> None:
    """Pages after a cursor, each from the end of the one before, are exactly the visible entries after it."""
    for store in stores:
        name = next(NAMES)
        visible = await write(store, name, appends)
        cursor, found, rest = start, list[LogEntry](), True
        for turn in range(200):
            page = await store.after(name, cursor, limit=sizes[turn % len(sizes)])
            assert page is not None
            rest = page.has_more
            found += page.entries
            if not page.entries or not rest:
                break
            cursor = page.entries[-1].seq

        assert not rest
        assert found == [entry for entry in visible if entry.seq > start]


@without_deadline
@given(appends=APPENDS, sizes=st.lists(st.integers(1, 7), min_size=1, max_size=6))
async def test_reading_back_leaves_no_gap(
    stores: tuple[ConversationStore, ...], appends: list[list[Event]], sizes: list[int]
) -> None:
    """Pages backwards from the newest entry are exactly the visible entries, and the first page joins the head."""
    for store in stores:
        name = next(NAMES)
        visible = await write(store, name, appends)
        before, found = None, list[LogEntry]()
        for turn in range(200):
            page = await store.page(name, limit=sizes[turn % len(sizes)], before=before)
            assert page is not None
            if before is None and page.entries:
                assert page.entries[-1].seq == page.head.visible
            found = [*page.entries, *found]
            if not page.has_more:
                break
            before = page.entries[0].seq

        assert found == visible


@without_deadline
@given(appends=APPENDS, cut=st.integers(0, 40))
async def test_two_halves_are_the_whole(
    stores: tuple[ConversationStore, ...], appends: list[list[Event]], cut: int
) -> None:
    """What comes before a number and what comes after the number before it are together the whole log, once."""
    for store in stores:
        name = next(NAMES)
        visible = await write(store, name, appends)
        older = await store.page(name, limit=1000, before=cut + 1)
        newer = await store.after(name, cut, limit=1000)
        assert older is not None
        assert newer is not None

        assert [*older.entries, *newer.entries] == visible


@without_deadline
@given(confirmed=st.lists(st.integers(0, 30), min_size=1, max_size=8))
async def test_plain_seq_moves_without_an_entry(stores: tuple[ConversationStore, ...], confirmed: list[int]) -> None:
    """An append without entries moves `plain_seq` as far as it says, and leaves the log and its version as they are."""
    for store in stores:
        append = numbered(empty(next(NAMES)), [BotUttered(text="hi", timestamp=1.0)] * 30)
        await store.append(append)
        head, highest = append.head, 0
        for seq in confirmed:
            highest = max(highest, seq)
            head = replace(head, plain_seq=max(head.plain_seq, seq))
            await store.append(Append(head=head, expected_version=head.version))
            kept = await store.head(head.sender_id)
            assert kept is not None
            assert (kept.plain_seq, kept.version) == (highest, 30)
