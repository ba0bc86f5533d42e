"""The record of a conversation reads a snapshot and a limited number of events, unless a turn reverts older events."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Append, Lease, LogEntry, Snapshot
from manent.core.events import ActionExecuted, SlotSet
from manent.dialogue.steps import ActionResult
from manent.runtime.conversation import record
from manent.runtime.ports.actions import ActionCall
from manent.runtime.ports.store import Loaded
from manent.runtime.tracker_reader import fold
from manent.stores.memory import MemoryStore
from support.small_talk import Actions, message, opened, say, until
from unit.runtime.followers import Follower


@dataclass
class Watched(MemoryStore):
    """A store that keeps the snapshots that it returned."""

    loads: list[Snapshot | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
        """See `ConversationStore.load`."""
        loaded = await super().load(sender_id, before=before)
        self.loads.append(loaded.snapshot if loaded is not None else None)
        return loaded


def going_back(turns: int, kind: str) -> Actions:
    """Return a custom action that reverts this number of user turns."""

    def work(_: ActionCall) -> ActionResult:
        return ActionResult(events=tuple({"event": kind} for _ in range(turns)))

    return Actions(work)


async def test_turn_that_another_server_took_over_is_no_error_to_the_visitor() -> None:
    """If another server took over a turn, the late server shows no error, because the other server answers."""
    store, hold = MemoryStore(), asyncio.Event()
    async with opened(store, Actions(hold=hold)) as conversations:
        conversation = conversations.get("ada")
        follower = Follower(conversations)
        ticket = conversation.submit(message("work"))
        await ticket.accepted
        await until(lambda: conversations.engine.actions.calls)  # type: ignore[union-attr]
        head = await store.head("ada")
        assert head is not None
        step = LogEntry(seq=head.version + 1, event=SlotSet(name="who", value="Bob", timestamp=1.0))
        taken = replace(head, version=step.seq, lease=Lease(owner="elsewhere:1:1:1", until=time.time() + 60))
        await store.append(
            Append(head=taken, expected_version=head.version, expected_lease=head.lease, entries=(step,))
        )
        hold.set()
        await ticket.finished

        assert ticket.error is not None
        assert ticket.error.code == "busy"
        assert follower.failures == []
        assert await store.head("ada") == taken


async def test_loaded_tracker_stays_small() -> None:
    """In a long conversation, the tracker keeps at most twice as many actions as a turn needs."""
    async with opened(MemoryStore(), Actions()) as conversations:
        conversation, needed = conversations.get("ada"), conversations.engine.assistant.dialogue.window
        for _ in range(3 * needed):
            await say(conversations, "hello")
            _, tracker = await conversation.record.load()

            assert sum(isinstance(event, ActionExecuted) for event in tracker.applied) <= 2 * needed
        assert tracker.truncated


@pytest.mark.parametrize(("turns", "kind"), [(3, "rewind"), (60, "rewind"), (250, "rewind"), (200, "undo")])
async def test_going_back_reads_from_an_older_snapshot(monkeypatch: pytest.MonkeyPatch, turns: int, kind: str) -> None:
    """If an action reverts many turns, the tracker is the same as after a replay of the whole log."""
    monkeypatch.setattr(record, "SNAPSHOT_EVERY", 40)
    store = Watched()
    async with opened(store, going_back(turns, kind)) as conversations:
        await say(conversations, "I am Ada")
        for _ in range(150):
            await say(conversations, "hello")
        store.loads.clear()
        await say(conversations, "work")
        went_deeper = bool(store.loads)
        await say(conversations, "count")
        head, tracker = await conversations.get("ada").record.load()
        whole = fold("ada", tracker.domain, [entry.event for entry in await store.entries("ada")])
        conversations.get("ada").record.forget()
        _, anew = await conversations.get("ada").record.load()

    for one in (tracker, anew):
        assert one.version == whole.version == head.version
        assert one.slots() == whole.slots()
        assert one.latest_action_name == whole.latest_action_name
        assert list(one.applied)[-5:] == list(whole.applied)[-5:]
    assert whole.slots()["who"] == ("Ada" if turns < 150 and kind == "rewind" else whole.slots()["who"])
    assert went_deeper == (turns > 3)
    assert len(store._conversations["ada"].snapshots) < 20


async def test_position_of_a_plain_client_is_not_written_to_the_next_log() -> None:
    """After another server has erased and refilled a conversation, nothing of the old log is used."""
    store = MemoryStore()
    async with opened(store) as one, opened(store) as other:
        await say(one, "I am Ada")
        version = (await store.head("ada")).version  # type: ignore[union-attr]
        one.get("ada").record.plain_seq = version
        await other.get("ada").erase(new_epoch=None)
        await say(other, "I am Ada")
        await one.get("ada").perform(lambda alone: alone.record.write_plain_seq())
        head = await store.head("ada")
        assert head is not None
        assert head.version == version
        assert head.plain_seq == 0
        assert one.get("ada").record.head != head
