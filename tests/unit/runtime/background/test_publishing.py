"""Publishing: committed events reach the broker in order, at least once, also after failures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from manent.core.conversation_log import Lease
from manent.core.errors import BrokerError
from manent.core.events import decode_event
from manent.runtime.background import publishing
from manent.runtime.background.publishing import Publisher
from manent.runtime.ports.broker import Outgoing
from manent.runtime.ports.store import ConversationStore
from manent.runtime.server_name import own_name
from manent.stores.memory import MemoryStore
from manent.testing.logs import empty, talk
from support.small_talk import home, opened, say, until


@dataclass
class Listener:
    """A broker that keeps the messages it receives, and that tests can let fail.

    Attributes:
        got: the received messages.
        away: whether every call fails.
        breaks: number of calls of `publish` that fail after the messages were received.
        hold: if set, `publish` waits for this event.
        most: number of messages above which `publish` does not return in time.
        lost: whether `publish` fails until the next call of `connect`.
        attempts: number of calls of `connect`.
        batches: number of messages in each call of `publish`.
        closed: whether the broker was closed.

    """

    got: list[Outgoing] = field(default_factory=list)
    away: bool = False
    breaks: int = 0
    hold: asyncio.Event | None = None
    most: int = 1_000_000
    lost: bool = False
    attempts: int = 0
    batches: list[int] = field(default_factory=list)
    closed: bool = False

    async def connect(self) -> None:
        """Connect, or fail if the broker is away."""
        self.attempts += 1
        if self.away:
            raise BrokerError("broker_away", "nobody is there")
        self.lost = False

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Keep the messages, or fail."""
        if self.hold is not None:
            await self.hold.wait()
        if self.away or self.lost:
            raise BrokerError("broker_away", "nobody is there")
        if len(messages) > self.most:
            await asyncio.sleep(60)
        self.batches.append(len(messages))
        self.got += messages
        if self.breaks:
            self.breaks -= 1
            raise BrokerError("broker_broke", "the line is cut")

    async def close(self) -> None:
        """Note that the broker was closed."""
        self.closed = True

    def events(self, sender_id: str = "ada") -> list[dict[str, Any]]:
        """Return the received messages of a conversation."""
        return [msgspec.json.decode(one.body) for one in self.got if one.sender_id == sender_id]


@contextlib.asynccontextmanager
async def publishing_to(
    broker: Listener, store: ConversationStore, *, owner: str = "h:1:1:a"
) -> AsyncIterator[Publisher]:
    """Run a publisher on an open store."""
    publisher = Publisher(store, broker, owner=owner)
    await publisher.open()
    try:
        yield publisher
    finally:
        await publisher.close(within_s=1.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search and retry at shorter intervals than a server does."""
    monkeypatch.setattr(publishing, "GATHER_S", 0.01)
    monkeypatch.setattr(publishing, "SEARCH_INTERVAL_S", 0.1)
    monkeypatch.setattr(publishing, "RETRY_S", (0.02,))


async def test_a_turn_is_published_as_it_was_committed() -> None:
    """The broker receives each event of the log in order, as JSON with the sender's id and a key of its own."""
    broker, store = Listener(), MemoryStore()
    async with opened(store) as conversations, publishing_to(broker, store) as publisher:
        conversations.engine.log_readers.append(publisher.note)
        await say(conversations, "hello")
        await say(conversations, "hello", "bob")
        await until(lambda: not publisher.waiting)
        entries = await store.entries("ada")
        head = await store.head("ada")

    assert head is not None
    assert [decode_event(msgspec.json.encode(told)) for told in broker.events()] == [one.event for one in entries]
    assert {told["sender_id"] for told in broker.events("bob")} == {"bob"}
    assert [one.key for one in broker.got if one.sender_id == "ada"] == [f"{head.epoch}:{one.seq}" for one in entries]
    assert broker.closed


async def test_long_logs_are_published_in_parts_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversations with more events than fit into one batch are published completely and in order."""
    monkeypatch.setattr(publishing, "EVENTS_AT_ONCE", 7)
    broker, store = Listener(), MemoryStore()
    await store.open()
    await store.begin_publishing()
    heads = [await talk(store, empty(name), 10) for name in ("ada", "bob")]
    async with publishing_to(broker, store):
        await until(lambda: len(broker.got) == sum(head.version for head in heads))
    for head in heads:
        keys = [one.key for one in broker.got if one.sender_id == head.sender_id]
        assert keys == [f"e1:{seq}" for seq in range(1, head.version + 1)]
    assert max(broker.batches) <= 7


async def test_batches_for_a_slow_broker_get_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the broker does not accept a batch in time, smaller batches are sent until all events are published."""
    monkeypatch.setattr(publishing, "PUBLISH_S", 0.2)
    broker, store = Listener(most=50), MemoryStore()
    await store.open()
    await store.begin_publishing()
    head = await talk(store, empty(), 100)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: len(broker.got) == head.version)
    assert publisher.failures > 1


async def test_events_before_the_first_publisher_are_not_published() -> None:
    """Only events that are appended after the first start of a publisher are published."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    head = await talk(store, empty(), 1)
    async with publishing_to(broker, store) as publisher:
        head = await talk(store, head, 1)
        publisher.note("ada")
        await until(lambda: len(broker.got) == 4)
    assert [one.key for one in broker.got] == ["e1:5", "e1:6", "e1:7", "e1:8"]


async def test_events_that_another_server_did_not_publish_are_found() -> None:
    """The search finds events about which this server was not notified."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    async with publishing_to(broker, store):
        await talk(store, empty(), 1)
        await until(lambda: len(broker.got) == 4)


async def test_lease_of_a_dead_server_is_taken_over_at_once() -> None:
    """If the owner of a lease is dead, its events are published at once. The lease of a living owner is respected."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    await store.begin_publishing()
    dead = str(replace(own_name(), pid=2**22 + 1))  # no process has such an id
    for name, owner in (("ada", dead), ("bob", "h:3:3:alive")):
        await talk(store, empty(name), 1)
        await store.claim([name], Lease(owner=owner, until=1e12), now=0.0)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: len(broker.got) == 4)
        publisher.note("bob")
        await asyncio.sleep(0.1)
    assert {one.sender_id for one in broker.got} == {"ada"}


async def test_outage_of_the_broker_is_logged_once_and_its_events_are_published_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """During an outage, the bot answers, the log has one warning, and the events are published after the outage."""
    broker, store = Listener(away=True), MemoryStore()
    async with opened(store) as conversations, publishing_to(broker, store) as publisher:
        conversations.engine.log_readers.append(publisher.note)
        await until(lambda: broker.attempts > 3)
        assert await say(conversations, "hello")
        assert (publisher.trouble, publisher.waiting) == ("broker_away", 1)
        assert publisher.lag_s > 0
        await until(lambda: broker.attempts > 8)
        said = [record for record in caplog.records if "is not available" in record.message]
        broker.away = False
        await until(lambda: not publisher.waiting)
        assert (publisher.trouble, publisher.lag_s) == (None, 0.0)
        count = len(await store.entries("ada"))
    assert len(said) == 1
    assert len(broker.events()) == count == publisher.published


async def test_connection_lost_while_idle_is_no_failure() -> None:
    """The publisher connects again before it publishes, so a connection lost while idle is not a failure."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    async with publishing_to(broker, store) as publisher:
        await until(lambda: broker.attempts > 0)
        broker.lost = True
        await talk(store, empty(), 1)
        publisher.note("ada")
        await until(lambda: len(broker.got) == 4)
    assert publisher.failures == 0


async def test_batch_with_an_unknown_result_is_published_again() -> None:
    """If the broker fails after it received a batch, the batch is published again with the same keys."""
    broker, store = Listener(breaks=1), MemoryStore()
    await store.open()
    await store.begin_publishing()
    await talk(store, empty(), 1)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: len(broker.got) == 8)
        await until(lambda: not publisher.waiting)
    assert [one.key for one in broker.got] == ["e1:1", "e1:2", "e1:3", "e1:4"] * 2
    assert (publisher.published, publisher.failures) == (4, 1)


async def test_erased_conversation_has_one_notice_and_no_later_events() -> None:
    """After an erase, the broker receives one notice, no unpublished events of the old log, and then new events."""
    broker, store = Listener(), MemoryStore()
    async with opened(store) as conversations, publishing_to(broker, store) as publisher:
        conversations.engine.log_readers.append(publisher.note)
        await say(conversations, "hello")
        await until(lambda: not publisher.waiting)
        before = len(broker.events())
        broker.away = True
        await say(conversations, "I am Ada")
        await conversations.get("ada").erase(new_epoch="e2")
        broker.away = False
        await until(lambda: not publisher.waiting)
        await say(conversations, "hello")
        await until(lambda: not publisher.waiting)
    told = broker.events()
    notices = [one for one in told if one["event"] == "conversation_erased"]
    assert told.index(notices[0]) == before
    assert len(notices) == 1
    assert set(notices[0]) == {"sender_id", "event", "timestamp"}
    assert [one["text"] for one in told if one["event"] == "user"] == ["hello", "hello"]


async def test_purged_conversation_has_a_notice_and_leaves_no_cursor() -> None:
    """The search finds a purged conversation, publishes a notice, and removes its cursor."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    await store.begin_publishing()
    await talk(store, empty(), 1)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: len(broker.got) == 4)
        await until(lambda: not publisher.waiting)
        await store.purge(older_than=1e12)
        await until(lambda: len(broker.got) == 5)
        await until(lambda: not publisher.waiting)
        assert await store.claim(["ada"], Lease(owner="x", until=1e12), now=0.0) == []
    assert broker.events()[-1]["event"] == "conversation_erased"


async def test_replaced_log_is_published_after_a_notice() -> None:
    """If a log is replaced, the broker receives a notice and then all events of the new log."""
    broker, store = Listener(), MemoryStore()
    async with opened(store) as conversations, publishing_to(broker, store) as publisher:
        conversations.engine.log_readers.append(publisher.note)
        await say(conversations, "hello")
        await until(lambda: not publisher.waiting)
        before = len(broker.got)
        events = [one.event for one in await store.entries("ada")]
        await conversations.get("ada").perform(lambda alone: alone.replace(events))
        await until(lambda: not publisher.waiting)
    told = broker.events()
    assert told[before]["event"] == "conversation_erased"
    assert told[before + 1 :] == told[:before]


async def test_two_servers_publish_everything_once() -> None:
    """Two servers that append to the same conversations publish each event once, in the order of each log."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    names = [f"s{number}" for number in range(8)]
    async with (
        publishing_to(broker, store, owner="h:1:1:a") as one,
        publishing_to(broker, store, owner="h:2:2:b") as other,
    ):
        heads = {name: empty(name) for name in names}
        for number in range(20):
            for name in names:
                heads[name] = await talk(store, heads[name], 1)
                (one if number % 2 else other).note(name)
            await asyncio.sleep(0.005)
        await until(lambda: not one.waiting and not other.waiting)
    for name in names:
        keys = [message.key for message in broker.got if message.sender_id == name]
        assert keys == [f"e1:{seq}" for seq in range(1, heads[name].version + 1)]


async def test_server_whose_lease_ends_soon_does_not_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server does not publish events if its lease can end before the broker has confirmed them."""
    monkeypatch.setattr(publishing, "LEASE_S", 0.9 * publishing.PUBLISH_S)
    broker, store = Listener(), MemoryStore()
    await store.open()
    await store.begin_publishing()
    await talk(store, empty(), 1)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: publisher.waiting == 1)
        await asyncio.sleep(0.1)
        assert broker.got == []
        monkeypatch.undo()
        await until(lambda: len(broker.got) == 4)


async def test_server_without_a_broker_releases_its_leases() -> None:
    """A server that cannot reach the broker releases its leases, so that another server can publish."""
    cut_off, broker, store = Listener(breaks=1_000_000), Listener(), MemoryStore()
    await store.open()
    await store.begin_publishing()
    await talk(store, empty(), 1)
    async with publishing_to(cut_off, store, owner="h:1:1:a") as one:
        await until(lambda: one.failures > 2)
        async with publishing_to(broker, store, owner="h:2:2:b"):
            await until(lambda: len(broker.got) == 4)
            await until(lambda: one.waiting == 0)


async def test_closing_publishes_waiting_events() -> None:
    """`close` publishes the events that wait, if the broker accepts them."""
    broker, store = Listener(), MemoryStore()
    async with opened(store) as conversations:
        async with publishing_to(broker, store) as publisher:
            conversations.engine.log_readers.append(publisher.note)
            await say(conversations, "hello")
        assert len(broker.events()) == len(await store.entries("ada"))


async def test_waiting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limited number of conversations waits in memory. The search finds the others when the broker is available."""
    monkeypatch.setattr(publishing, "MAX_WAITING", 3)
    broker, store = Listener(away=True), MemoryStore()
    await store.open()
    async with publishing_to(broker, store) as publisher:
        for number in range(10):
            await talk(store, empty(f"s{number}"), 1)
            publisher.note(f"s{number}")
        assert publisher.waiting == 3
        broker.away = False
        await until(lambda: len(broker.got) == 40)


async def test_publishing_continues_after_a_failure_of_the_store() -> None:
    """After a failure of the store, publishing continues."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    async with publishing_to(broker, store) as publisher:
        await store.close()
        publisher.note("ada")
        await asyncio.sleep(0.05)
        await store.open()
        await talk(store, empty(), 1)
        await until(lambda: len(broker.got) == 4)


def test_no_log_readers_without_a_broker() -> None:
    """Without an event broker, commits notify no log readers."""
    assert home(MemoryStore()).engine.log_readers == []
