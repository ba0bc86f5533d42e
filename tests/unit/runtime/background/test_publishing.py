"""Publishing: what was committed reaches the broker, in order, once unless something breaks in between."""

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
    """A broker that a test looks into.

    Attributes:
        got: what it was given.
        away: it cannot be reached.
        breaks: it takes what it is given and then fails, so many times.
        lost: its connection is, until it is asked to connect.
        hold: it does not answer before this is set.
        most: it does not answer in time when it is given more than this.
        batches: sizes of what it was given.
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
        """Be there or not."""
        self.attempts += 1
        if self.away:
            raise BrokerError("broker_away", "nobody is there")
        self.lost = False

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Take messages."""
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
        """Be gone."""
        self.closed = True

    def events(self, sender_id: str = "ada") -> list[dict[str, Any]]:
        """What it was told of a conversation."""
        return [msgspec.json.decode(one.body) for one in self.got if one.sender_id == sender_id]


@contextlib.asynccontextmanager
async def publishing_to(
    broker: Listener, store: ConversationStore, *, owner: str = "h:1:1:a"
) -> AsyncIterator[Publisher]:
    """A publisher at work on an open store."""
    publisher = Publisher(store, broker, owner=owner)
    await publisher.open()
    try:
        yield publisher
    finally:
        await publisher.close(within_s=1.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and retry more often than a server does."""
    monkeypatch.setattr(publishing, "GATHER_S", 0.01)
    monkeypatch.setattr(publishing, "SEARCH_INTERVAL_S", 0.1)
    monkeypatch.setattr(publishing, "RETRY_S", (0.02,))


async def test_a_turn_is_published_as_it_was_committed() -> None:
    """The broker is told each event of the log, in order, as JSON with the sender's id; each under a key of its own."""
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
    """Conversations with more events than go out at once come whole and in order."""
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


async def test_broker_that_is_slow_is_given_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that can't take so much in time is asked for less at once, and gets everything in the end."""
    monkeypatch.setattr(publishing, "PUBLISH_S", 0.2)
    broker, store = Listener(most=50), MemoryStore()
    await store.open()
    await store.begin_publishing()
    head = await talk(store, empty(), 100)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: len(broker.got) == head.version)
    assert publisher.failures > 1


async def test_what_was_said_before_there_was_a_broker_is_not_published() -> None:
    """A broker is told what is said from the day on that it is there."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    head = await talk(store, empty(), 1)
    async with publishing_to(broker, store) as publisher:
        head = await talk(store, head, 1)
        publisher.note("ada")
        await until(lambda: len(broker.got) == 4)
    assert [one.key for one in broker.got] == ["e1:5", "e1:6", "e1:7", "e1:8"]


async def test_what_another_server_left_is_found() -> None:
    """Nobody tells of a conversation whose server is gone: it is found by looking."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    async with publishing_to(broker, store):
        await talk(store, empty(), 1)
        await until(lambda: len(broker.got) == 4)


async def test_lease_of_a_dead_server_is_taken_over_at_once() -> None:
    """What a server had in hand when it was killed goes out without waiting for its lease; a living one's waits."""
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


async def test_broker_that_is_away_is_said_once_and_told_later(caplog: pytest.LogCaptureFixture) -> None:
    """Turns are answered as ever; the outage is one line of the log and a number; everything comes afterwards."""
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


async def test_connection_that_was_lost_in_a_quiet_hour() -> None:
    """It is made again before it is used: that is no outage."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    async with publishing_to(broker, store) as publisher:
        await until(lambda: broker.attempts > 0)
        broker.lost = True
        await talk(store, empty(), 1)
        publisher.note("ada")
        await until(lambda: len(broker.got) == 4)
    assert publisher.failures == 0


async def test_what_may_have_got_there_is_given_again() -> None:
    """A broker that fails after it has taken the messages is given them again, in the same order, under their keys."""
    broker, store = Listener(breaks=1), MemoryStore()
    await store.open()
    await store.begin_publishing()
    await talk(store, empty(), 1)
    async with publishing_to(broker, store) as publisher:
        await until(lambda: len(broker.got) == 8)
        await until(lambda: not publisher.waiting)
    assert [one.key for one in broker.got] == ["e1:1", "e1:2", "e1:3", "e1:4"] * 2
    assert (publisher.published, publisher.failures) == (4, 1)


async def test_erased_conversation_is_told_once_and_its_rest_never() -> None:
    """Of an erased log comes one notice, and none of the events that had not gone out; then what is said anew."""
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


async def test_purged_conversation_is_told_and_leaves_no_cursor() -> None:
    """What retention removes is told within a look, and then nothing is left of it."""
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


async def test_replaced_log_is_told_anew() -> None:
    """A log that was put in the place of another is preceded by the notice."""
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
    """Two servers that answer the same conversations in turn give each event once, each conversation in order."""
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


async def test_server_that_was_held_up_leaves_it_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server has read is not published when its lease may run out before the broker has it."""
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


async def test_server_that_cannot_reach_its_broker_keeps_nothing_from_others() -> None:
    """Between attempts it lets go of its leases: another server, which can, publishes."""
    cut_off, broker, store = Listener(breaks=1_000_000), Listener(), MemoryStore()
    await store.open()
    await store.begin_publishing()
    await talk(store, empty(), 1)
    async with publishing_to(cut_off, store, owner="h:1:1:a") as one:
        await until(lambda: one.failures > 2)
        async with publishing_to(broker, store, owner="h:2:2:b"):
            await until(lambda: len(broker.got) == 4)
            await until(lambda: one.waiting == 0)


async def test_closing_publishes_what_waits() -> None:
    """A server that is told to stop leaves nothing behind that its broker takes."""
    broker, store = Listener(), MemoryStore()
    async with opened(store) as conversations:
        async with publishing_to(broker, store) as publisher:
            conversations.engine.log_readers.append(publisher.note)
            await say(conversations, "hello")
        assert len(broker.events()) == len(await store.entries("ada"))


async def test_waiting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """During an outage only so many conversations are remembered; the others are found when the broker is back."""
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


async def test_store_in_trouble_is_waited_for() -> None:
    """A store that cannot serve stops nothing for good."""
    broker, store = Listener(), MemoryStore()
    await store.open()
    async with publishing_to(broker, store) as publisher:
        await store.close()
        publisher.note("ada")
        await asyncio.sleep(0.05)
        await store.open()
        await talk(store, empty(), 1)
        await until(lambda: len(broker.got) == 4)


def test_without_a_broker_nobody_reads_along() -> None:
    """A server without an event broker does nothing more for a commit than before."""
    assert home(MemoryStore()).engine.log_readers == []
