"""Requests that change a conversation from outside, and trackers that are read from the log."""

import time

import pytest

from manent.core.errors import RequestError
from manent.core.events import ActionExecuted, BotUttered, Restarted, SlotSet, UserUttered, event_from_wire
from manent.runtime import operations, tracker_reader
from manent.runtime.tracker_reader import Verbosity
from manent.stores.memory import MemoryStore
from support.small_talk import assistant, message, opened, say, shown


async def test_trigger_is_answered_but_not_shown() -> None:
    """The bot answers a trigger. The visitor sees the answer, but not the trigger."""
    store = MemoryStore()
    async with opened(store) as conversations:
        entries = await operations.trigger(conversations.get("ada"), "name", {"who": "Bob"})
        page = await store.page("ada", limit=10)

    assert shown(entries) == ["Hello, Bob."]
    assert page is not None
    assert shown(list(page.entries)) == ["Hello, Bob."]


async def test_execute_runs_one_action() -> None:
    """`execute` runs one action, records the given policy, and predicts no further action."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await say(conversations, "hello")
        entries = await operations.execute(conversations.get("ada"), "utter_ping", policy="me", confidence=0.5)
        events = [entry.event for entry in await store.entries("ada")]
        with pytest.raises(RequestError) as refused:
            await operations.execute(conversations.get("ada"), "utter_nothing")

    assert shown(entries) == ["Ping."]
    actions = [event for event in events if isinstance(event, ActionExecuted)]
    assert (actions[-1].name, actions[-1].policy, actions[-1].confidence) == ("utter_ping", "me", 0.5)
    assert refused.value.code == "unknown_action"


async def test_logged_message_fills_slots_and_is_not_answered() -> None:
    """A message that is only logged fills its slots, and the bot does not answer it."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await operations.log_message(conversations.get("ada"), message("I am Ada"))
        found = await tracker_reader.read(store, assistant(), "ada")
        events = [entry.event for entry in await store.entries("ada")]

    assert found is not None
    assert found.tracker.slots()["who"] == "Ada"
    assert not any(isinstance(event, BotUttered) for event in events)


async def test_posted_events_are_in_the_state_and_the_order() -> None:
    """Posted events change the state at once. Visitors see posted bot messages, but not posted user messages."""
    store = MemoryStore()
    async with opened(store) as conversations:
        entries = await operations.apply_events(
            conversations.get("ada"),
            [SlotSet(name="who", value="Eve"), UserUttered(text="hi"), BotUttered(text="From outside.")],
        )
        answer = shown(await say(conversations, "/name"))

    assert shown(entries) == ["From outside."]
    assert answer[-1] == "Hello, Eve."


async def test_replaced_log_has_a_new_epoch() -> None:
    """A replaced log contains only the new events and has a new epoch."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await say(conversations, "I am Ada")
        before = await store.head("ada")
        await operations.replace_events(conversations.get("ada"), [SlotSet(name="who", value="Eve")])
        after = await store.head("ada")
        slots = (await tracker_reader.read(store, assistant(), "ada") or pytest.fail("gone")).tracker.slots()

    assert before is not None
    assert after is not None
    assert (after.version, after.epoch != before.epoch, slots["who"]) == (1, True, "Eve")


async def test_unknown_conversation_reads_as_none() -> None:
    """Reading the tracker of an unknown conversation returns None."""
    async with opened(MemoryStore()) as conversations:
        assert await tracker_reader.read(conversations.engine.store, assistant(), "nobody") is None


async def test_empty_conversation_shows_the_session_it_will_begin() -> None:
    """The tracker of an empty conversation shows a session start, which is not stored."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await conversations.create("ada")
        found = await tracker_reader.read(store, assistant(), "ada", verbosity=Verbosity.ALL)
        head = await store.head("ada")

    assert found is not None
    assert [type(event).__name__ for event in found.events or ()] == [
        "ActionExecuted",
        "SessionStarted",
        "ActionExecuted",
    ]
    assert head is not None
    assert head.version == 0


async def test_verbosity_chooses_events() -> None:
    """The verbosity selects no events, those that still apply, those after the last restart, or all."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await say(conversations, "hello")
        await say(conversations, "/restart")
        await say(conversations, "count")
        found = {
            verbosity: await tracker_reader.read(store, assistant(), "ada", verbosity=verbosity)
            for verbosity in Verbosity
        }
        total = len(await store.entries("ada"))

    events = {verbosity: one.events if one is not None else () for verbosity, one in found.items()}
    assert events[Verbosity.NONE] is None
    assert len(events[Verbosity.ALL] or ()) == total
    after = events[Verbosity.AFTER_RESTART] or ()
    assert not any(isinstance(event, Restarted) for event in after)
    assert [event.text for event in after if isinstance(event, UserUttered)] == ["count"]
    assert len(events[Verbosity.APPLIED] or ()) == len(after) - 2


async def test_until_shows_the_past() -> None:
    """A tracker up to a time contains no later events."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await say(conversations, "hello")
        then = time.time()
        await say(conversations, "I am Ada")
        found = await tracker_reader.read(store, assistant(), "ada", verbosity=Verbosity.ALL, until=then)

    assert found is not None
    assert found.tracker.slots()["who"] is None
    assert [event.text for event in found.events or () if isinstance(event, UserUttered)] == ["hello"]


async def test_operation_returns_only_what_it_appended() -> None:
    """What another server said in the meantime is not returned, because it would be sent a second time."""
    store = MemoryStore()
    async with opened(store) as one, opened(store) as other:
        await say(other, "hello")
        await say(one, "count")
        entries = await operations.trigger(other.get("ada"), "ping")

    assert shown(entries) == ["Ping."]


@pytest.mark.parametrize("entities", [5, "Ada", [7], [None], {"who": "Ada"}, [[]]])
async def test_malformed_entities_of_an_event_do_not_stop_the_conversation(entities: object) -> None:
    """The API and custom actions can add such events. Later messages are answered."""
    wire = {"event": "user", "text": "hi", "parse_data": {"intent": {"name": "greet"}, "entities": entities}}
    async with opened(MemoryStore()) as conversations:
        await operations.apply_events(conversations.get("ada"), [event_from_wire(wire)])
        entries = await say(conversations, "hello")

    assert shown(entries) == ["hello", "Hello."]
