"""Subscribers are notified of changes by other servers, and erased logs are removed from memory."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from manent.core.conversation_log import Change, Position
from manent.core.errors import StoreError
from manent.runtime.conversation import wakeups
from manent.runtime.conversation.wakeups import Wakeups
from manent.stores.memory import MemoryStore
from manent.stores.sqlite.store import SqliteStore
from support.small_talk import home, opened, say, shown, until
from unit.runtime.followers import Follower


class Scripted(MemoryStore):
    """A store that reports the given changes, and then none."""

    def __init__(self, *changes: Collection[str] | None) -> None:
        super().__init__()
        self.reported = list(changes)
        self.failures = 0

    async def news(self, *, within_s: float) -> Collection[str] | None:
        """Return the next change."""
        if self.failures:
            self.failures -= 1
            raise StoreError("store_unavailable", "the store is away")
        return self.reported.pop(0) if self.reported else await super().news(within_s=within_s)


async def test_a_reported_change_is_published(tmp_path: Path) -> None:
    """A subscriber receives what another server appends."""
    file = tmp_path / "conversations.db"
    async with opened(SqliteStore(file)) as here, opened(SqliteStore(file)) as there:
        follower = Follower(here)
        await say(here, "hello")
        await say(there, "count")
        await until(lambda: len(follower.entries) == 4)

    assert shown(follower.entries)[2:] == ["count", "One.\n\nTwo."]


async def test_an_erased_log_leaves_the_memory() -> None:
    """If another server erases a log, it is removed from memory, even without subscribers."""
    store = MemoryStore()
    conversations = home(store)
    watch = Wakeups(conversations)
    await store.open()
    await say(conversations, "hello")
    conversation = conversations.get("ada")
    assert conversation.record.tracker is not None
    await store.erase("ada", new_epoch=None)
    await watch._update(("ada",))

    assert conversation.record.tracker is None
    assert conversations.count == 0


async def test_subscribers_learn_of_an_erase() -> None:
    """If another server erases a log, its subscribers are notified once."""
    store = MemoryStore()
    conversations = home(store)
    watch = Wakeups(conversations)
    await store.open()
    follower = Follower(conversations)
    await say(conversations, "hello")
    await store.erase("ada", new_epoch=None)
    await watch._update(("ada",))
    await watch._update(None)

    assert follower.told == [{"reason": "erased", "session_id": "ada", "epoch": ""}]


async def test_listeners_are_called_if_the_changed_logs_are_unknown() -> None:
    """A listener is called only if the store cannot name the changed conversations."""
    for change, expected in ((None, 1), (("ada",), 0)):
        store, calls = Scripted(change), list[int]()
        conversations = home(store)
        watch = Wakeups(conversations)
        watch.listeners.append(lambda calls=calls: calls.append(1))  # type: ignore[misc]
        await conversations.open()
        await watch.open()
        await until(lambda store=store: not store.reported)  # type: ignore[misc]
        await watch.close()
        await conversations.close()

        assert len(calls) == expected


async def test_changes_are_read_again_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error of the store, changes are read again."""
    monkeypatch.setattr(wakeups, "MAX_RETRY_S", 0.01)
    store = Scripted(None)
    store.failures = 2
    conversations = home(store)
    watch = Wakeups(conversations)
    await conversations.open()
    await watch.open()
    await until(lambda: not store.reported)
    await watch.close()
    await conversations.close()

    assert store.failures == 0


async def test_change_is_published_although_it_cannot_be_read_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store reports a change once, so a change that could not be read is compared in the next round."""
    monkeypatch.setattr(wakeups, "POLL_INTERVAL_S", 0.01)

    class Unreadable(Scripted):
        async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
            failed.append(len(failed))
            if len(failed) == 1:
                raise StoreError("store_unavailable", "the store is away")
            return await super().changes(positions, limit=limit)

    failed = list[int]()
    store = Unreadable()
    here, there = home(store), home(store)
    await store.open()
    follower = Follower(here)
    await say(here, "hello")
    await say(there, "count")
    store.reported = [None]
    watch = Wakeups(here)
    await watch.open()
    await until(lambda: len(follower.entries) == 4)
    await watch.close()

    assert failed


async def test_named_changes_do_not_wait_after_a_comparison_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a slow comparison of all conversations, changes that the store names are published without a long pause."""
    monkeypatch.setattr(wakeups, "PAUSE_FACTOR", 1e6)

    class Slow(Scripted):
        async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
            await asyncio.sleep(0.01)
            found = await super().changes(positions, limit=limit)
            compared.append(len(positions))
            return found

    compared = list[int]()
    store = Slow()
    here, there = home(store), home(store)
    await store.open()
    follower = Follower(here)
    await say(here, "hello")
    store.reported = [None]
    watch = Wakeups(here)
    await watch.open()
    await until(lambda: bool(compared))
    await say(there, "count")
    store.reported = [("ada",)]
    await until(lambda: len(follower.entries) == 4)
    await watch.close()

    assert shown(follower.entries)[2:] == ["count", "One.\n\nTwo."]
