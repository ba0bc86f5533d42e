"""Reminders: they fire once, on time and after a restart, and not after they were cancelled."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import LogEntry, Reminder
from manent.core.domain import SessionConfig
from manent.core.events import (
    ActionExecuted,
    Event,
    Json,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    UserUttered,
)
from manent.dialogue.steps import ActionResult
from manent.runtime import operations
from manent.runtime.background import reminders as reminders_module
from manent.runtime.background.reminders import Reminders
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.reminder_changes import VoidCheck, changes_of
from manent.runtime.ports.actions import ActionCall
from manent.runtime.ports.store import ConversationStore
from manent.stores.memory import MemoryStore
from manent.stores.sqlite.store import SqliteStore
from support.small_talk import Actions, assistant, home, message, opened, say, shown, until

SOON = 0.5


def schedules(after_s: float = SOON, **fields: object) -> Actions:
    """Return an action that schedules a reminder."""

    def work(_: ActionCall) -> ActionResult:
        due = dt.datetime.fromtimestamp(time.time() + after_s, dt.UTC).isoformat()
        event: Json = {"event": "reminder", "intent": "ping", "date_time": due, "name": "tea", **fields}
        return ActionResult(events=(event,))

    return Actions(work=work)


@contextlib.asynccontextmanager
async def ticking(store: ConversationStore, actions: Actions) -> AsyncIterator[Conversations]:
    """Run the conversations of one server together with its reminders."""
    async with opened(store, actions) as conversations:
        reminders = Reminders(conversations)
        await reminders.open()
        try:
            yield conversations
        finally:
            await reminders.close()


async def pings(store: ConversationStore, sender_id: str = "ada") -> int:
    """Return how often a reminder fired in the conversation."""
    entries = await store.entries(sender_id)
    return sum(isinstance(entry.event, UserUttered) and entry.event.text == "EXTERNAL: ping" for entry in entries)


async def reminded(store: ConversationStore, sender_id: str = "ada") -> None:
    """Wait until a reminder has fired and the bot has answered, and 0.3 s longer, in case it fires again."""
    async with asyncio.timeout(30):
        while (head := await store.head(sender_id)) is None or await pings(store, sender_id) == 0 or head.open_turn:  # noqa: ASYNC110  # the store has no event
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)


async def test_reminder_fires_once_and_on_time() -> None:
    """The bot sends its message when the reminder is due, and only once. Visitors do not see the trigger."""
    store = MemoryStore()
    async with ticking(store, schedules()) as conversations:
        await say(conversations, "work")
        assert await pings(store) == 0
        await reminded(store)
        page = await store.page("ada", limit=10)

    assert page is not None
    assert shown(list(page.entries)) == ["work", "Ping."]
    assert await pings(store) == 1
    assert await store.next_reminder() is None


async def test_two_servers_fire_one_reminder_once() -> None:
    """If two servers use one store, only one of them fires a reminder."""
    store = MemoryStore()
    async with ticking(store, schedules()) as one, ticking(store, Actions()):
        await say(one, "work")
        await reminded(store)
        assert await pings(store) == 1


async def test_reminder_survives_a_restart(tmp_path: Path) -> None:
    """A reminder that became due while no server ran fires at the next start."""
    path = tmp_path / "conversations.db"
    conversations = home(SqliteStore(path), schedules())
    await conversations.open()
    await say(conversations, "work")
    await conversations.close()
    await asyncio.sleep(SOON)
    store = SqliteStore(path)
    async with ticking(store, Actions()):
        await reminded(store)

    await store.close()


async def test_message_cancels_a_reminder() -> None:
    """A later message of the visitor cancels a reminder, unless `kill_on_user_msg` is false."""
    killed, kept = MemoryStore(), MemoryStore()
    async with (
        ticking(killed, schedules()) as one,
        ticking(kept, schedules(kill_on_user_msg=False)) as other,
    ):
        for conversations in (one, other):
            await say(conversations, "work")
            await say(conversations, "hello")
        await reminded(kept)

    assert (await pings(killed), await pings(kept)) == (0, 1)
    assert await killed.next_reminder() is None


async def test_same_name_in_two_conversations() -> None:
    """Reminders with the same name in two conversations both fire."""
    store = MemoryStore()
    async with ticking(store, schedules()) as conversations:
        await asyncio.gather(say(conversations, "work", "ada"), say(conversations, "work", "bob"))
        await reminded(store, "bob")
        await reminded(store)
        page = await store.page("bob", limit=10)

    assert page is not None
    assert shown(list(page.entries)) == ["work", "Ping."]
    assert await pings(store) == 1


async def test_a_busy_conversation_delays_no_other_reminder() -> None:
    """While one conversation's reminder waits for its turn, the reminder of another conversation fires on time."""
    store = MemoryStore()
    async with ticking(store, schedules()) as conversations:
        await say(conversations, "work")
        busy = asyncio.create_task(conversations.get("ada").perform(lambda _: asyncio.sleep(2)))
        await asyncio.sleep(0.1)
        await say(conversations, "work", sender_id="bob")
        due = time.time() + SOON
        async with asyncio.timeout(30):
            while await pings(store, "bob") == 0:  # noqa: ASYNC110  # the store has no event
                await asyncio.sleep(0.01)
        late = time.time() - due
        assert await pings(store, "ada") == 0
        await busy
        await reminded(store, "ada")

    assert late < 0.5


async def test_posted_reminders_count_only_with_side_effects() -> None:
    """Reminder events from a request schedule a reminder only if the request asks for side effects."""
    store = MemoryStore()
    due = dt.datetime.fromtimestamp(time.time() + 60, dt.UTC).isoformat()
    events = [ReminderScheduled(intent="ping", date_time=due, name="tea")]
    async with opened(store) as conversations:
        await operations.apply_events(conversations.get("ada"), events)
        assert await store.next_reminder() is None
        await operations.apply_events(conversations.get("ada"), events, schedules=True)
        assert await store.next_reminder() == pytest.approx(time.time() + 60, abs=5)


async def test_reminder_reaches_the_channel_that_scheduled_it() -> None:
    """A channel that can send without a request receives the bot's message."""
    sent: list[tuple[str, list[str | None]]] = []

    class Out:
        async def send(self, sender_id: str, entries: object) -> None:
            sent.append((sender_id, shown(entries)))  # type: ignore[arg-type]

    async with ticking(MemoryStore(), schedules()) as conversations:
        conversations.engine.outputs["callback"] = Out()
        conversation = conversations.get("ada")
        ticket = conversation.submit(replace(message("work"), input_channel="callback"))
        await ticket.finished
        await until(lambda: bool(sent))

    assert sent == [("ada", ["Ping."])]


async def test_reminders_that_cannot_fire_yet_delay_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """If more reminders of busy conversations are due than one read returns, a later reminder still fires."""
    monkeypatch.setattr(reminders_module, "DUE_AT_ONCE", 2)
    store = MemoryStore()
    busy = [f"busy {number}" for number in range(4)]
    free = asyncio.Event()
    async with ticking(store, schedules()) as conversations:
        for sender_id in busy:
            await say(conversations, "work", sender_id=sender_id)
        jobs = [asyncio.create_task(conversations.get(one).perform(lambda _: free.wait())) for one in busy]
        await say(conversations, "work", sender_id="bob")
        await reminded(store, "bob")
        assert [await pings(store, one) for one in busy] == [0] * 4
        free.set()
        await asyncio.gather(*jobs)
        for one in busy:
            await reminded(store, one)


async def test_reminder_is_due_by_the_clock_of_the_store() -> None:
    """The store's clock decides when a reminder is due, not the server's clock."""

    class Ahead(MemoryStore):
        async def renew_leases(self, owner: str, *, for_s: float) -> float:
            return 60 + await super().renew_leases(owner, for_s=for_s + 60)

    store = Ahead()
    async with ticking(store, schedules(after_s=30)) as conversations:
        await say(conversations, "work")
        async with asyncio.timeout(10):
            while await pings(store) == 0:  # noqa: ASYNC110  # the store has no event
                await asyncio.sleep(0.02)


REMINDER = Reminder(sender_id="ada", name="tea", seq=1, due=1.0, intent="ping")


KEPT = replace(REMINDER, kill_on_user_msg=False)
LISTEN = ActionExecuted(name="action_listen")
OVER = [ActionExecuted(name="action_work"), LISTEN]
"""The rest of the turn that scheduled the reminder."""

SESSION = [ActionExecuted(name="action_session_start"), SessionStarted(), LISTEN]
OTHER = UserUttered(text="EXTERNAL: ping", metadata={"is_external": True})


def is_void(reminder: Reminder, events: Sequence[Event]) -> bool:
    """Return whether these later events cancel the reminder, if they are read one by one."""
    check = VoidCheck(reminder)
    for event in events:
        check.read([event])
    return check.is_void()


@pytest.mark.parametrize("event", [Restarted(), SessionStarted(), UserUttered(text="hello")])
def test_events_that_cancel_a_reminder(event: Event) -> None:
    """A restart, a new session or a message cancels a reminder. The rest of its own turn does not."""
    assert is_void(REMINDER, [event])
    assert not is_void(REMINDER, OVER)


@pytest.mark.parametrize(
    ("events", "void"),
    [
        ([*OVER, *SESSION, OTHER], False),
        ([*OVER, *SESSION, OTHER, *OVER, *SESSION, OTHER], False),
        ([*OVER, *SESSION, UserUttered(text="hello")], True),
        ([*OVER, *SESSION], True),
        ([*OVER, UserUttered(text="/session_start"), *SESSION, OTHER], True),
        ([*OVER, *SESSION, OTHER, *OVER, Restarted()], True),
    ],
)
def test_session_that_another_reminder_starts_keeps_a_reminder(events: Sequence[Event], *, void: bool) -> None:
    """A session that the visitor starts cancels a reminder. One that another reminder or a trigger starts does not."""
    assert is_void(KEPT, events) is void


@pytest.mark.parametrize("apart_s", [0.0, 0.4])
async def test_reminders_that_are_due_after_the_session_has_expired_all_fire(
    monkeypatch: pytest.MonkeyPatch, apart_s: float
) -> None:
    """If two reminders are due after the session has expired, the first one starts a session, and both fire."""

    def work(_: ActionCall) -> ActionResult:
        dues = [
            dt.datetime.fromtimestamp(time.time() + SOON + apart_s * number, dt.UTC).isoformat() for number in (0, 1)
        ]
        fields: Json = {"event": "reminder", "intent": "ping", "kill_on_user_msg": False}
        return ActionResult(events=tuple({**fields, "date_time": due, "name": due} for due in dues))

    monkeypatch.setitem(vars(assistant().domain), "session", SessionConfig(expiration_time_min=0.1 / 60))
    store = MemoryStore()
    async with ticking(store, Actions(work=work)) as conversations:
        await say(conversations, "work")
        async with asyncio.timeout(30):
            while await pings(store) < 2:  # noqa: ASYNC110  # the store has no event
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert await pings(store) == 2
        assert await store.next_reminder() is None


def test_unreadable_time_schedules_nothing() -> None:
    """A reminder with an invalid date is not scheduled."""
    entries = [LogEntry(seq=1, event=ReminderScheduled(intent="ping", date_time="tomorrow"))]

    assert changes_of("ada", entries, lambda: "rest") == ()


@pytest.mark.parametrize("entities", [5, "who", [None]])
async def test_malformed_entities_do_not_stop_a_reminder(entities: object) -> None:
    """An action can schedule a reminder with any entities. It fires, instead of failing forever."""
    store = MemoryStore()
    async with ticking(store, schedules(entities=entities)) as conversations:
        await say(conversations, "work")
        await reminded(store)

    assert await pings(store) == 1
