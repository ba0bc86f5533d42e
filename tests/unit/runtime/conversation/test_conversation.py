"""One conversation: the order of its messages, duplicates, conflicts between servers, and crashes."""

import asyncio
import dataclasses

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Append, Head
from manent.core.errors import RequestError, StoreError
from manent.core.events import ActionExecuted, BotUttered, Json, SlotSet, UserUttered
from manent.dialogue.steps import ActionResult
from manent.runtime import operations
from manent.runtime.assistant import Assistant
from manent.runtime.conversation import registry
from manent.runtime.conversation.feed import Committed, News
from manent.runtime.ports.actions import ActionCall
from manent.stores.memory import MemoryStore
from support.failing_stores import FailingStore
from support.small_talk import Actions, failing, home, message, opened, say, shown, until
from unit.runtime.followers import Follower


async def test_messages_are_answered_in_the_order_they_came() -> None:
    """The bot answers ten messages that arrive together one after the other."""
    store = MemoryStore()
    async with opened(store) as conversations:
        conversation = conversations.get("ada")
        tickets = [conversation.submit(message("hello" if n % 2 else "count")) for n in range(10)]
        receipts = [await ticket.accepted for ticket in tickets]
        entries = [await ticket.finished for ticket in tickets]

    assert [receipt.seq for receipt in receipts] == sorted(receipt.seq for receipt in receipts)
    assert shown(entries[0]) == ["count", "One.\n\nTwo."]
    assert shown(entries[1]) == ["hello", "Hello."]
    said = [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, UserUttered)]
    assert said == ["count", "hello"] * 5


async def test_a_turn_without_actions_is_one_append() -> None:
    """All events of a turn without actions are written in one append."""
    appended = []

    class Counting(MemoryStore):
        async def append(self, append: object) -> None:
            appended.append(append)
            await super().append(append)  # type: ignore[arg-type]

    async with opened(Counting()) as conversations:
        await say(conversations, "hello")
        await say(conversations, "hello")

    assert len(appended) == 2


async def test_nothing_is_delivered_before_it_is_stored() -> None:
    """When a subscriber receives an entry, the store already contains it."""
    store = MemoryStore()
    missing: list[int] = []

    class Checking(Follower):
        def notify(self, news: News) -> None:
            head = store._find("ada")
            entries = news.entries if isinstance(news, Committed) else ()
            missing.extend(entry.seq for entry in entries if head is None or head.head.version < entry.seq)
            super().notify(news)

    async with opened(store) as conversations:
        follower = Checking(conversations)
        await say(conversations, "hello")

    assert shown(follower.entries) == ["hello", "Hello."]
    assert missing == []


async def test_same_id_again_is_the_same_message() -> None:
    """A repeated message has the `seq` and the replies of the first one, also while the first one waits."""
    store = MemoryStore()
    async with opened(store) as conversations:
        conversation = conversations.get("ada")
        first = conversation.submit(message("hello", message_id="m1"))
        assert conversation.submit(message("hello", message_id="m1")) is first
        receipt = await first.accepted
        await first.finished
        again = conversation.submit(message("hello", message_id="m1"))
        repeated = await again.accepted
        replies = await again.finished

    assert (repeated.seq, repeated.duplicate, receipt.duplicate) == (receipt.seq, True, False)
    assert shown(replies) == ["Hello."]
    assert sum(isinstance(entry.event, UserUttered) for entry in await store.entries("ada")) == 1


async def test_same_id_for_another_text_is_rejected() -> None:
    """A message whose id was used for another text is rejected, also while the first message waits."""
    async with opened(MemoryStore()) as conversations:
        conversation = conversations.get("ada")
        first = conversation.submit(message("hello", message_id="m1"))
        with pytest.raises(RequestError, match="another text"):
            conversation.submit(message("count", message_id="m1"))
        await first.finished
        later = conversation.submit(message("count", message_id="m1"))
        with pytest.raises(RequestError) as refused:
            await later.accepted

    assert refused.value.code == "message_id_conflict"


async def test_two_servers_on_one_conversation_lose_nothing() -> None:
    """If two servers answer messages of one conversation at the same time, the log contains each turn as a whole."""
    store = MemoryStore()
    async with opened(store) as one, opened(store) as other:
        await asyncio.gather(*(say(server, "count") for _ in range(5) for server in (one, other)))
        events = [entry.event for entry in await store.entries("ada")]

    kinds = [type(event).__name__ for event in events if isinstance(event, UserUttered | BotUttered)]
    assert kinds == ["UserUttered", "BotUttered"] * 10
    assert isinstance(events[-1], ActionExecuted)


async def test_a_message_for_an_erased_log_is_not_stored() -> None:
    """A message that names another epoch is rejected, and nothing is written."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await say(conversations, "hello")
        before = await store.head("ada")
        ticket = conversations.get("ada").submit(message("count"), epoch="another")
        with pytest.raises(RequestError) as refused:
            await ticket.accepted

    assert refused.value.code == "conversation_changed"
    assert await store.head("ada") == before


async def test_an_accepted_message_whose_log_is_erased_elsewhere_fails() -> None:
    """If another server erases the log during an action, the sender receives an error, and the log stays empty."""
    store, actions = MemoryStore(), Actions(hold=asyncio.Event())
    async with opened(store, actions) as one, opened(store) as other:
        conversation = one.get("ada")
        follower = Follower(one)
        await say(one, "hello")
        ticket = conversation.submit(message("work", message_id="m1"))
        await ticket.accepted
        await until(lambda: bool(actions.calls))
        await other.get("ada").erase(new_epoch="anew")
        await conversation.catch_up("anew", 0)
        assert actions.hold is not None
        actions.hold.set()
        entries = await ticket.finished
        left = await store.entries("ada")

    assert ticket.error is not None
    assert ticket.error.code == "conversation_changed"
    assert (shown(entries), list(left)) == (["work"], [])
    assert [told["reason"] for told in follower.told] == ["erased"]


async def test_erase_during_an_action_does_not_run_it_again() -> None:
    """A job that waits behind the action does not finish the turn before the erase."""
    store, actions = MemoryStore(), Actions(hold=asyncio.Event())
    async with opened(store, actions) as conversations:
        conversation = conversations.get("ada")
        ticket = conversation.submit(message("work"))
        await until(lambda: bool(actions.calls))
        command = asyncio.create_task(conversation.perform(lambda alone: alone.turns.finish_open_turn()))
        await asyncio.sleep(0)  # the command waits in the mailbox
        erase = asyncio.create_task(conversation.erase(new_epoch=None))
        await asyncio.sleep(0)
        assert actions.hold is not None
        actions.hold.set()
        assert await erase
        await command
        await ticket.finished

    assert len(actions.calls) == 1
    assert await store.head("ada") is None


async def test_a_message_that_waits_during_an_erase_begins_the_new_log() -> None:
    """If another server erases the log while a message waits, the message becomes the first one of the new log."""
    store = MemoryStore()
    async with opened(store) as one, opened(store) as other:
        await say(one, "count")
        conversation = one.get("ada")
        ticket = conversation.submit(message("hello"))
        await asyncio.sleep(0)  # it waits to be understood
        await other.get("ada").erase(new_epoch="anew")
        conversation.feed.log_vanished()
        entries = await ticket.finished
        said = [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, UserUttered)]

    assert (ticket.error, shown(entries), said) == (None, ["hello", "Hello."], ["hello"])


async def test_only_ids_of_clients_are_kept() -> None:
    """The store keeps the id of a message only if the client sent the id, because only then it can be repeated."""
    kept = []

    class Noting(MemoryStore):
        async def append(self, append: Append) -> None:
            kept.append([one.message_id for one in append.accepted])
            await super().append(append)

    async with opened(Noting()) as conversations:
        conversation = conversations.get("ada")
        for message_id in (None, "m1"):
            ticket = conversation.submit(message("hello", message_id=message_id))
            assert (await ticket.accepted).duplicate is False
            [user, _] = await ticket.finished
            assert isinstance(user.event, UserUttered)
            assert user.event.message_id == ticket.message_id

    assert kept == [[], ["m1"]]


async def test_too_many_waiting_messages_are_rejected() -> None:
    """If too many messages wait, further ones are rejected with `retry_after`. The waiting messages are answered."""
    actions = Actions(hold=asyncio.Event())
    async with opened(MemoryStore(), actions) as conversations:
        conversations.engine.limits = dataclasses.replace(conversations.engine.limits, waiting_per_conversation=2)
        conversation = conversations.get("ada")
        tickets = [conversation.submit(message("work"))]
        await until(lambda: bool(actions.calls))
        tickets += [conversation.submit(message("hello")) for _ in range(2)]
        with pytest.raises(RequestError) as refused:
            conversation.submit(message("hello"))
        assert actions.hold is not None
        actions.hold.set()
        answers = [shown(await ticket.finished)[-1] for ticket in tickets]
        counted = conversations.engine.metrics.refused

    assert counted == {"busy": 1}
    assert (refused.value.code, refused.value.retry_after) == ("busy", 1.0)
    assert answers == ["Done.", "Hello.", "Hello."]


async def test_a_slow_action_delays_only_its_own_conversation() -> None:
    """While one conversation waits for an action, the bot answers in another one."""
    actions = Actions(hold=asyncio.Event())
    async with opened(MemoryStore(), actions) as conversations:
        slow = conversations.get("ada").submit(message("work"))
        await until(lambda: bool(actions.calls))
        assert shown(await say(conversations, "hello", "bob")) == ["hello", "Hello."]
        assert not slow.finished.done()
        assert actions.hold is not None
        actions.hold.set()
        await slow.finished


async def test_a_failed_action_ends_the_turn_with_a_message() -> None:
    """If an action fails, the bot sends a message, the log does not contain the action, and the next turn succeeds."""
    store = MemoryStore()
    async with opened(store, Actions(work=failing)) as conversations:
        answer = shown(await say(conversations, "work"))
        after = shown(await say(conversations, "hello"))
        names = [entry.event.name for entry in await store.entries("ada") if isinstance(entry.event, ActionExecuted)]

    assert len(answer) == 2
    assert answer[1]
    assert "action_work" not in names
    assert after == ["hello", "Hello."]


async def test_subscribers_receive_the_code_of_a_failed_action_without_details() -> None:
    """Subscribers receive the error code, the id of the message, and the `seq` of the bot message."""
    async with opened(MemoryStore(), Actions(work=failing)) as conversations:
        follower = Follower(conversations)
        ticket = conversations.get("ada").submit(message("work", message_id="m1"))
        said = (await ticket.finished)[-1]

    assert [error.code for error in follower.failures] == ["action_unreachable"]
    assert follower.failed_at == [("m1", said.seq)]
    assert "nobody is there" not in follower.failures[0].message


async def test_another_process_finishes_an_unfinished_turn() -> None:
    """If a server dies during an action, another server finishes the turn. The action runs again with the same key."""
    store = MemoryStore()
    dead = Actions(hold=asyncio.Event())
    first = home(store, dead)
    await store.open()
    ticket = first.get("ada").submit(message("work", message_id="m1"))
    await ticket.accepted
    await until(lambda: bool(dead.calls))
    for worker in tuple(first.workers):
        worker.cancel()
    head = await store.head("ada")
    assert head is not None
    assert head.lease is not None
    found = store._find("ada")
    assert found is not None
    found.head = replace(head, lease=replace(head.lease, until=0.0))

    alive = Actions()
    async with opened(store, alive) as second:
        follower = Follower(second)
        await until(lambda: bool(follower.entries))
        again = second.get("ada").submit(message("work", message_id="m1"))
        receipt = await again.accepted
        replies = shown(await again.finished)

    assert shown(follower.entries) == ["Done."]
    assert (receipt.duplicate, replies) == (True, ["Done."])
    assert [call.idempotency_key for call in alive.calls] == [call.idempotency_key for call in dead.calls]


async def test_an_action_that_hangs_delays_no_other_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the action of a dead server's turn hangs, other open turns are finished, also those found later."""
    monkeypatch.setattr(registry, "RECOVERY_INTERVAL_S", 0.05)
    store = MemoryStore()
    await store.open()
    hangs = asyncio.Event()

    class Mixed(Actions):
        async def run(self, call: ActionCall) -> ActionResult:
            if call.sender_id == "hangs":
                await hangs.wait()
            return await super().run(call)

    await leave_open(store, "hangs", "ada", "bob")
    async with opened(store, Mixed()):
        await until(lambda: [head.sender_id for head in heads(store) if head.open_turn] == ["hangs"], timeout_s=5)
        await leave_open(store, "eve")
        await until(lambda: [head.sender_id for head in heads(store) if head.open_turn] == ["hangs"], timeout_s=5)
        hangs.set()
        await until(lambda: not any(head.open_turn for head in heads(store)))


async def leave_open(store: MemoryStore, *names: str) -> None:
    """Leave open turns in these conversations, as a server that dies during their actions does."""
    actions = Actions(hold=asyncio.Event())
    server = home(store, actions)
    for name in names:
        await server.get(name).submit(message("work")).accepted
    await until(lambda: len(actions.calls) == len(names))
    for worker in tuple(server.workers):
        worker.cancel()
    for name in names:
        found = store._find(name)
        assert found is not None
        found.head = replace(found.head, lease=None)


def heads(store: MemoryStore) -> list[Head]:
    """Return the heads of all conversations."""
    return [found.head for found in store._conversations.values()]


async def test_a_living_server_keeps_its_turn() -> None:
    """While a turn has a valid lease, no other server finishes it, and messages to other servers are rejected."""
    store = MemoryStore()
    actions = Actions(hold=asyncio.Event())
    async with opened(store, actions) as one, opened(store, Actions()) as other:
        ticket = one.get("ada").submit(message("work"))
        await until(lambda: bool(actions.calls))
        with pytest.raises(RequestError) as refused:
            await other.get("ada").submit(message("hello")).accepted
        assert actions.hold is not None
        actions.hold.set()
        await ticket.finished

    assert refused.value.code == "busy"
    assert refused.value.retry_after is not None


async def test_typing_is_shown_during_a_slow_action() -> None:
    """Subscribers are notified that the bot is working if a turn is slow."""
    actions = Actions(hold=asyncio.Event())
    async with opened(MemoryStore(), actions) as conversations:
        follower = Follower(conversations)
        ticket = conversations.get("ada").submit(message("work"))
        await until(lambda: bool(follower.typed))
        assert actions.hold is not None
        actions.hold.set()
        await ticket.finished

    assert follower.typed[0] is True


async def test_closing_finishes_turns_and_rejects_new_messages() -> None:
    """While the server closes, running turns are finished, and new messages are rejected."""
    actions = Actions(hold=asyncio.Event())
    conversations = home(MemoryStore(), actions)
    await conversations.open()
    ticket = conversations.get("ada").submit(message("work"))
    await until(lambda: bool(actions.calls))
    closing = asyncio.create_task(conversations.close(within_s=5.0))
    await until(lambda: conversations.engine.is_closing)
    with pytest.raises(RequestError) as refused:
        conversations.get("ada").submit(message("hello"))
    assert actions.hold is not None
    actions.hold.set()
    await closing

    assert refused.value.code == "server_closing"
    assert shown(await ticket.finished) == ["work", "Done."]


async def test_callers_of_cancelled_work_are_cancelled() -> None:
    """If the server stops before a job ends, the caller of the job is cancelled and does not wait forever."""
    actions = Actions(hold=asyncio.Event())
    conversations = home(MemoryStore(), actions)
    await conversations.open()
    waiting = asyncio.create_task(operations.execute(conversations.get("ada"), "action_work"))
    await until(lambda: bool(actions.calls))
    await conversations.close(within_s=0.05)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 30)


async def test_an_old_conversation_is_read_from_a_snapshot() -> None:
    """A new server reads a long conversation from a snapshot and a limited number of events."""
    store = MemoryStore()
    async with opened(store) as conversations:
        await say(conversations, "I am Ada")
        for _ in range(60):
            await say(conversations, "hello")
    await store.open()
    loaded = await store.load("ada")
    assert loaded is not None
    assert loaded.snapshot is not None
    assert len(loaded.entries) < 210
    async with opened(store) as fresh:
        conversation = fresh.get("ada")
        _, tracker = await conversation.perform(lambda alone: alone.record.load())
        slots = tracker.slots()

    assert slots["who"] == "Ada"


async def test_model_is_swapped_between_turns() -> None:
    """Without a model, messages are rejected with a code. With a model again, they are answered."""
    async with opened(MemoryStore()) as conversations:
        model, conversations.engine.model = conversations.engine.model, None
        with pytest.raises(RequestError) as refused:
            await conversations.get("ada").submit(message("hello")).accepted
        conversations.engine.model = model
        assert shown(await say(conversations, "hello")) == ["hello", "Hello."]

    assert (refused.value.code, refused.value.status) == ("no_model", 409)


async def test_events_of_actions_are_logged() -> None:
    """The events that a custom action returns are in the log."""

    def work(_: ActionCall) -> ActionResult:
        return ActionResult(events=({"event": "slot", "name": "who", "value": "Bob"},))

    store = MemoryStore()
    async with opened(store, Actions(work=work)) as conversations:
        await say(conversations, "work")
        events = [entry.event for entry in await store.entries("ada")]

    slots = [event for event in events if isinstance(event, SlotSet)]
    assert [(slot.name, slot.value) for slot in slots] == [("who", "Bob")]


async def test_metrics_count_messages_and_turns() -> None:
    """Metrics count accepted, repeated and rejected messages, and measure the time of turns."""
    async with opened(MemoryStore()) as conversations:
        conversation = conversations.get("ada")
        await conversation.submit(message("hello", message_id="m1")).finished
        await conversation.submit(message("hello", message_id="m1")).finished
        await conversation.submit(message("hello"), epoch="another").finished
        measures = conversations.engine.metrics

    assert (measures.accepted, measures.duplicates, measures.refused) == (1, 1, {"conversation_changed": 1})
    assert measures.turns.count == 1
    assert measures.queued.count == 3
    assert measures.turns.total_s > 0


async def test_number_of_loaded_trackers_is_limited() -> None:
    """Above the limit, the least recently used tracker is dropped. Conversations with subscribers stay in memory."""
    store = MemoryStore()
    async with opened(store) as conversations:
        conversations.engine.limits = dataclasses.replace(conversations.engine.limits, cached_trackers=3)
        followers = [Follower(conversations, f"followed {number}") for number in range(50)]
        for number in range(5):
            await say(conversations, "hello", sender_id=f"visitor {number}")
        await say(conversations, "hello", sender_id="visitor 2")
        await say(conversations, "hello", sender_id="followed 7")
        loaded = [one.sender_id for one in conversations._all.values() if one.record.tracker is not None]
        there = set(conversations._all)
        for _ in range(30):  # somebody who was only asked for is forgotten, too
            conversations.get("nobody")
            await say(conversations, "hello", sender_id="visitor 2")
        for _ in range(60):
            await say(conversations, "hello", sender_id="visitor 2")

        assert set(loaded) == {"visitor 4", "visitor 2", "followed 7"}
        assert there == {"visitor 4", "visitor 2", *(f"followed {number}" for number in range(50))}
        assert "nobody" not in conversations._all
        assert len(followers[7].entries) == 2


async def test_a_conversation_in_use_has_no_second_object() -> None:
    """While code refers to a conversation, the registry returns the same object, even after it was released."""
    async with opened(MemoryStore()) as conversations:
        held = conversations.get("ada")
        conversations.release(held)
        assert conversations.count == 0
        assert conversations.get("ada") is held
        await asyncio.gather(say(conversations, "hello"), held.perform(lambda alone: alone.record.load()))
        del held
        conversations.release(conversations.get("ada"))
        assert len(conversations._alive) == conversations.count


async def test_failed_erase_rejects_no_messages() -> None:
    """If the store cannot erase the conversation, the messages that wait are answered."""
    store, actions = FailingStore(), Actions(hold=asyncio.Event())
    async with opened(store, actions) as conversations:
        conversation = conversations.get("ada")
        await say(conversations, "hello")
        conversation.submit(message("work"))
        await until(lambda: bool(actions.calls))
        waiting = conversation.submit(message("hello"))
        assert actions.hold is not None
        actions.hold.set()
        store.fails = "erase"
        with pytest.raises(StoreError):
            await conversation.erase(new_epoch=None)
        await waiting.accepted
        entries = await waiting.finished

    assert shown(entries) == ["hello", "Hello."]


async def test_interrupted_action_of_a_client_does_not_repeat_the_answer_before() -> None:
    """A server stops while it runs an action that a client selected; the next server predicts nothing."""
    store, actions = MemoryStore(), Actions(hold=asyncio.Event())
    stopping = home(store, actions)
    await stopping.open()
    await say(stopping, "hello")
    execution = asyncio.create_task(operations.execute(stopping.get("ada"), "action_work"))
    await until(lambda: bool(actions.calls))
    await stopping.close(within_s=0.01)
    await asyncio.gather(execution, return_exceptions=True)
    await store.open()
    async with opened(store):
        async with asyncio.timeout(30):
            while (head := await store.head("ada")) is None or head.open_turn:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.01)
        said = [entry.event for entry in await store.entries("ada")]

    assert [event.text for event in said if isinstance(event, BotUttered)] == ["Hello."]


async def test_model_that_is_unloaded_during_a_turn_does_not_fail_the_turn() -> None:
    """The turn continues with its model, and its sender receives the answer."""
    actions = Actions(hold=asyncio.Event())
    async with opened(MemoryStore(), actions) as conversations:
        ticket = conversations.get("ada").submit(message("work"))
        await until(lambda: bool(actions.calls))
        conversations.engine.model = None
        assert actions.hold is not None
        actions.hold.set()
        entries = await ticket.finished

    assert ticket.error is None
    assert shown(entries) == ["work", "Done."]


async def test_sender_learns_that_the_server_stopped_before_the_answer() -> None:
    """The next server sends the rest of the answer, so the first part of the answer is not reported as complete."""
    actions = Actions(hold=asyncio.Event())
    conversations = home(MemoryStore(), actions)
    await conversations.open()
    ticket = conversations.get("ada").submit(message("work"))
    await until(lambda: bool(actions.calls))
    await conversations.close(within_s=0.01)
    entries = await ticket.finished

    assert shown(entries) == ["work"]
    assert ticket.error is not None
    assert (ticket.error.code, ticket.error.status) == ("server_closing", 500)  # after 503, clients repeat a message


async def test_erase_during_nlu_does_not_wait_for_the_action(monkeypatch: pytest.MonkeyPatch) -> None:
    """An erase that arrives before the turn calls its action also ends the turn. The next turn is not affected."""
    store, actions = MemoryStore(), Actions(hold=asyncio.Event())
    async with opened(store, actions) as conversations:
        conversation = conversations.get("ada")
        begun, continues = asyncio.Event(), asyncio.Event()
        parse = conversations.engine.parse

        async def parse_slowly(assistant: Assistant, text: str) -> Json:
            begun.set()
            await continues.wait()
            return await parse(assistant, text)

        monkeypatch.setattr(conversations.engine, "parse", parse_slowly)
        ticket = conversation.submit(message("work"))
        await begun.wait()
        erase = asyncio.create_task(conversation.erase(new_epoch=None))
        await asyncio.sleep(0)
        continues.set()
        assert await asyncio.wait_for(erase, 30)
        await ticket.finished
        assert actions.hold is not None
        actions.hold.set()
        entries = await say(conversations, "work")

    assert ticket.error is not None
    assert ticket.error.code == "conversation_changed"
    assert shown(entries) == ["work", "Done."]
