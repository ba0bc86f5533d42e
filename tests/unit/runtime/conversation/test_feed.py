"""Subscribers receive committed entries, also those of other servers."""

import asyncio
from collections.abc import Sequence

import pytest

from manent.core.conversation_log import Append, Change, Head, Position
from manent.core.events import BotUttered
from manent.runtime import operations
from manent.runtime.conversation.feed import Committed, Moved, News
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.successor import Successor
from manent.stores.memory import MemoryStore
from support.failing_stores import FailingStore
from support.small_talk import home, message, opened, say, shown, until
from unit.runtime.followers import Follower


async def test_every_subscriber_receives_the_same_entries() -> None:
    """Two subscribers receive all visible entries of a turn, in order."""
    async with opened(MemoryStore()) as conversations:
        one, other = Follower(conversations), Follower(conversations)
        await say(conversations, "hello")

    assert shown(one.entries) == ["hello", "Hello."]
    assert one.entries == other.entries


async def test_an_excluded_subscriber_receives_nothing() -> None:
    """If a subscriber is excluded from news, only the others receive them."""
    async with opened(MemoryStore()) as conversations:
        one, other = Follower(conversations), Follower(conversations)
        conversations.get("ada").feed.notify(Moved({"reason": "reset"}), exclude=one)

    assert (one.told, other.told) == ([], [{"reason": "reset"}])


async def test_a_subscriber_may_leave_while_it_is_notified() -> None:
    """If a subscriber removes itself while it is notified, the next subscriber still receives the news."""

    class Leaving(Follower):
        def notify(self, news: News) -> None:
            super().notify(news)
            conversation.subscribers.remove(self)

    async with opened(MemoryStore()) as conversations:
        conversation = conversations.get("ada")
        leaving, staying = Leaving(conversations), Follower(conversations)
        await say(conversations, "hello")

    assert shown(leaving.entries) == shown(staying.entries) == ["hello", "Hello."]
    assert conversation.subscribers == [staying]


async def behind(store: MemoryStore) -> tuple[Conversations, Follower, Head]:
    """Return a server with a follower, and the head of the log, after another server has appended a turn."""
    here, there = home(store), home(store)
    await store.open()
    follower = Follower(here)
    await say(here, "hello")
    await say(there, "count")
    head = await store.head("ada")
    assert head is not None
    return here, follower, head


async def test_catching_up_publishes_what_another_server_appended() -> None:
    """Entries of another server are published once, before this server's next entries."""
    here, follower, head = await behind(MemoryStore())
    feed = here.get("ada").feed
    await feed.catch_up(head.epoch, head.version)
    await feed.catch_up(head.epoch, head.version)

    assert shown(follower.entries) == ["hello", "Hello.", "count", "One.\n\nTwo."]
    assert feed.position == (head.epoch, head.version)


async def test_a_commit_publishes_earlier_entries_of_another_server_first() -> None:
    """A turn that follows a turn on another server publishes both, in the order of the log."""
    here, follower, _ = await behind(MemoryStore())
    await say(here, "hello")

    assert shown(follower.entries) == ["hello", "Hello.", "count", "One.\n\nTwo.", "hello", "Hello."]
    assert [entry.seq for entry in follower.entries] == sorted(entry.seq for entry in follower.entries)


async def test_another_epoch_means_erased() -> None:
    """If the store has another epoch, subscribers are notified of an erase, and the log is removed from memory."""
    async with opened(MemoryStore()) as conversations:
        follower = Follower(conversations)
        await say(conversations, "hello")
        conversation = conversations.get("ada")
        await conversations.engine.store.erase("ada", new_epoch="another")
        await conversation.feed.catch_up("another", 0)

        assert conversation.record.tracker is None
    assert follower.told == [{"reason": "erased", "session_id": "ada", "epoch": "another"}]


@pytest.mark.parametrize("new_epoch", [None, "another"])
async def test_position_of_a_plain_client_ends_with_the_log(new_epoch: str | None) -> None:
    """After another server has erased a followed log, replies in the next log do not count as received."""
    store = MemoryStore()
    async with opened(store) as here, opened(store) as there:
        follower = Follower(here)
        await say(here, "hello")
        conversation = here.get("ada")
        conversation.record.plain_seq = 1_000
        await there.get("ada").erase(new_epoch=new_epoch)
        if new_epoch is None:
            conversation.feed.log_vanished()
        else:
            await conversation.catch_up(new_epoch, 0)
        for _ in range(2):
            await say(here, "hello")
        head = await store.head("ada")

    assert head is not None
    assert (head.plain_seq, follower.told[0]["reason"]) == (0, "erased")


async def test_outdated_epoch_does_not_mean_erased() -> None:
    """A position that was read before an erase on this server is older than the log, so nobody is notified."""
    async with opened(MemoryStore()) as conversations:
        follower = Follower(conversations)
        await say(conversations, "hello")
        conversation = conversations.get("ada")
        before = await conversations.engine.store.head("ada")
        assert before is not None
        await conversation.erase(new_epoch="anew")
        await say(conversations, "count")
        position = conversation.feed.position
        await conversation.feed.catch_up(before.epoch, before.version)

        assert conversation.feed.position == position
        assert conversation.record.tracker is not None
    assert follower.told == []


async def test_entries_are_published_once_if_a_turn_commits_while_they_are_read() -> None:
    """A turn that commits while another server's entries are read publishes these entries first, and only once."""

    class Slow(MemoryStore):
        hold: asyncio.Event | None = None

        async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
            found = await super().changes(positions, limit=limit)
            hold, self.hold = self.hold, None
            if hold is not None:
                await hold.wait()
            return found

    store = Slow()
    here, follower, head = await behind(store)
    feed = here.get("ada").feed
    hold = store.hold = asyncio.Event()
    reading = asyncio.create_task(feed.catch_up(head.epoch, head.version))
    await until(lambda: store.hold is None)
    await say(here, "hello")
    hold.set()
    await reading
    newest = await store.head("ada")
    assert newest is not None

    assert shown(follower.entries) == ["hello", "Hello.", "count", "One.\n\nTwo.", "hello", "Hello."]
    assert feed.position == (newest.epoch, newest.version)


async def test_entries_are_published_once_if_a_notification_arrives_before_the_end_of_their_append() -> None:
    """The store can report this server's entries before the append returns."""

    class Early(MemoryStore):
        async def append(self, append: Append) -> None:
            await super().append(append)
            await conversations.get("ada").feed.catch_up(append.head.epoch, append.head.version)

    async with opened(Early()) as conversations:
        follower = Follower(conversations)
        await say(conversations, "hello")
        await say(conversations, "hello")

    assert shown(follower.entries) == ["hello", "Hello.", "hello", "Hello."]


async def test_subscribers_on_another_server_learn_the_successor() -> None:
    """A reset is an event in the log, so servers that catch up notify their subscribers, with a token if needed."""
    store = MemoryStore()
    here, there = home(store), home(store)
    await store.open()
    here.engine.session_token = lambda session_id: f"token of {session_id}"
    follower = Follower(here)
    await say(here, "hello")
    before = await store.head("ada")
    await operations.name_successor(there.get("ada"), Successor("new", "e2", has_token=True))
    head = await store.head("ada")
    assert before is not None
    assert head is not None
    await here.get("ada").feed.catch_up(head.epoch, head.version)

    assert follower.told == [{"reason": "reset", "session_id": "new", "epoch": "e2", "session_token": "token of new"}]
    assert (head.version, head.updated) == (before.version + 1, before.updated)
    assert isinstance(follower.entries[-1].event, BotUttered)


async def test_an_empty_log_names_no_successor() -> None:
    """The successor is not written to an empty log, because the first event must be the session start."""
    async with opened(MemoryStore()) as conversations:
        await conversations.create("ada")
        await operations.name_successor(conversations.get("ada"), Successor("new", "e2", has_token=False))
        entries = await conversations.engine.store.entries("ada")

    assert entries == []


def test_news_are_values() -> None:
    """News with the same content are equal."""
    assert Committed(()) == Committed(())
    assert Moved({"reason": "reset"}) != Moved({"reason": "erased"})


async def test_message_is_accepted_although_earlier_messages_cannot_be_read() -> None:
    """The message is durable, so it is confirmed; subscribers receive all messages in order once the store works."""
    store = FailingStore()
    async with opened(store) as one, opened(store) as other:
        follower = Follower(other)
        await say(other, "hello")
        await say(one, "count")
        other.get("ada").record.forget()
        store.fails = "entries"
        entries = await say(other, "hello")
        await until(lambda: len(follower.entries) == 6)

    assert shown(entries) == ["hello", "Hello."]
    assert shown(follower.entries) == ["hello", "Hello.", "count", "One.\n\nTwo.", "hello", "Hello."]


async def test_subscriber_that_fails_keeps_no_other_from_the_news(caplog: pytest.LogCaptureFixture) -> None:
    """The turn has been stored, so it does not fail; the fault is logged."""

    class Broken(Follower):
        def notify(self, news: News) -> None:
            super().notify(news)
            raise TypeError("broken")

    async with opened(MemoryStore()) as conversations:
        broken, other = Broken(conversations), Follower(conversations)
        ticket = conversations.get("ada").submit(message("hello"))
        await ticket.finished

    assert ticket.error is None
    assert shown(broken.entries) == shown(other.entries) == ["hello", "Hello."]
    assert "broken" in caplog.text
