"""Operators handle conversations: the effects for visitors, the bot and other servers."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Append
from manent.core.errors import RequestError
from manent.core.events import (
    AgentUttered,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    HandoffRequested,
    Labelled,
    Note,
    Operator,
    OperatorJoined,
    OperatorLeft,
    Rated,
    Restarted,
    SlotSet,
    UserUttered,
)
from manent.core.handler import HandlerConflict
from manent.dialogue.steps import Handoff
from manent.runtime import handling, operations
from manent.runtime.background.reminders import Reminders
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import AgentTyping, HandlerChanged, News
from manent.runtime.conversation.record import MAX_ATTEMPTS
from manent.runtime.conversation.registry import Conversations
from manent.runtime.ports.store import VersionConflict
from manent.stores.memory import MemoryStore
from support.small_talk import Actions, failing, message, opened, say, shown

ADA = Operator(id="1", name="Ada")
BO = Operator(id="2", name="Bo")
STAFFED = Handoff(is_staffed=lambda _: True)


@pytest.fixture
def store() -> MemoryStore:
    """Return the store of one test."""
    return MemoryStore()


@pytest.fixture
async def conversations(store: MemoryStore) -> AsyncIterator[Conversations]:
    """Return a server's conversations after the visitor has said hello."""
    async with opened(store) as found:
        found.engine.handoff = STAFFED
        await say(found, "hello")
        yield found


@pytest.fixture
def conversation(conversations: Conversations) -> Conversation:
    """Return the visitor's conversation."""
    return conversations.get("ada")


async def kinds(store: MemoryStore, after: int = 0) -> list[str]:
    """Return the kinds of the events after a `seq`."""
    return [type(entry.event).__name__ for entry in await store.entries("ada", after=after)]


async def version(store: MemoryStore) -> int:
    """Return the number of the newest event."""
    head = await store.head("ada")
    assert head is not None
    return head.version


async def test_visitor_is_not_answered_by_the_bot(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """While a person handles the conversation, messages are logged with their intent, and nothing else happens."""
    await handling.take(conversation, ADA)
    before = await version(store)
    assert shown(await say(conversations, "I am Ada")) == ["I am Ada"]

    [entry] = await store.entries("ada", after=before)
    assert isinstance(entry.event, UserUttered)
    assert entry.event.intent == "name"
    _, tracker = await conversation.record.load()
    assert tracker.slots()["who"] is None


async def test_bot_continues_after_the_hand_back_and_not_before(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """After the hand-back, the bot answers new messages, but not those that it received before."""
    await handling.take(conversation, ADA)
    await say(conversations, "count")
    head = await handling.hand_back(conversation, ADA)
    assert head.handling.handler == "bot"
    before = await version(store)
    assert shown(await say(conversations, "hello")) == ["hello", "Hello."]
    assert (await kinds(store, before))[0] == "UserUttered"
    said = [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, BotUttered)]
    assert said == ["Hello.", "Hello."]


async def test_pause_and_resume_accompany_the_events(conversation: Conversation, store: MemoryStore) -> None:
    """Rasa's `pause` and `resume` are in the same append as the events of the desk."""
    before = await version(store)
    await handling.request_handoff(conversation, reason="angry")
    await handling.take(conversation, ADA)
    await handling.say(conversation, ADA, text="Hi, Ada here.", message_id="m1")
    await handling.hand_back(conversation, ADA)
    assert await kinds(store, before) == [
        "HandoffRequested", "ConversationPaused", "OperatorJoined", "AgentUttered", "OperatorLeft",
        "ConversationResumed",
    ]  # fmt: skip


async def test_answering_takes_the_conversation(conversation: Conversation, store: MemoryStore) -> None:
    """The message of an operator and the event that the operator has joined are in one append."""
    head = await handling.say(conversation, ADA, text="Hello from Ada.", message_id="m1")
    assert head.handling.operator == ADA
    newest = (await store.entries("ada"))[-3:]
    assert [type(entry.event) for entry in newest] == [OperatorJoined, ConversationPaused, AgentUttered]
    with pytest.raises(HandlerConflict, match="Ada"):
        await handling.say(conversation, BO, text="Hello from Bo.", message_id="m1")


async def test_a_message_is_sent_once(conversation: Conversation, store: MemoryStore) -> None:
    """A repeated message id sends nothing again, also after another operator joined. Another text is rejected."""
    for _ in range(3):
        await handling.say(conversation, ADA, text="Once.", message_id="m1")
    with pytest.raises(RequestError) as refused:
        await handling.say(conversation, ADA, text="Other.", message_id="m1")
    await handling.assign(conversation, BO, by=ADA)
    head = await handling.say(conversation, ADA, text="Once.", message_id="m1")

    assert refused.value.code == "message_id_conflict"
    assert head.handling.operator == BO
    said = [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, AgentUttered)]
    assert said == ["Once."]


async def test_message_ids_of_visitors_and_operators_are_independent(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """A visitor's message can have the same id as an operator's message."""
    await conversations.get("ada").submit(message("hello", message_id="m1")).finished
    await handling.say(conversation, ADA, text="Hi.", message_id="m1")
    said = [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, AgentUttered)]
    assert said == ["Hi."]


async def test_two_servers_who_take_at_once(store: MemoryStore) -> None:
    """If two operators on two servers take a conversation, one succeeds, and the error of the other names it."""
    async with opened(store) as one, opened(store) as other:
        for number in range(20):
            await say(one, "hello", sender_id=f"v{number}")
            await say(other, "hello", sender_id=f"v{number}")
            pairs = [(one, ADA), (other, BO)]
            random.Random(number).shuffle(pairs)  # noqa: S311  # any order
            results = await asyncio.gather(
                *(handling.take(where.get(f"v{number}"), who) for where, who in pairs), return_exceptions=True
            )
            [conflict] = [each for each in results if isinstance(each, HandlerConflict)]
            [head] = [each for each in results if not isinstance(each, BaseException)]
            assert conflict.head.handling == head.handling
            joined = [
                each.event for each in await store.entries(f"v{number}") if isinstance(each.event, OperatorJoined)
            ]
            assert [each.operator for each in joined] == [head.handling.operator]


async def test_an_operator_who_joins_during_a_replacement_keeps_the_conversation(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an operator takes a conversation while another server replaces its log, the new log has the operator."""
    works = store.replace
    attempts: list[int] = []
    async with opened(store) as one, opened(store) as other:
        await say(one, "hello")

        async def take_first(append: Append, *, expected_epoch: str, expected_version: int) -> None:
            attempts.append(expected_version)
            if len(attempts) == 1:
                await handling.take(other.get("ada"), ADA)
            await works(append, expected_epoch=expected_epoch, expected_version=expected_version)

        monkeypatch.setattr(store, "replace", take_first)
        await operations.replace_events(one.get("ada"), [SlotSet(name="who", value="Eve")])
        head = await store.head("ada")
        assert head is not None
        assert (head.handling.handler, head.handling.operator) == ("human", ADA)
        assert len(attempts) == 2
        assert attempts[0] < attempts[1]
        assert await kinds(store) == ["SlotSet", "OperatorJoined", "ConversationPaused"]
        await handling.say(other.get("ada"), ADA, text="Hi.", message_id="1")
        with pytest.raises(HandlerConflict):
            await handling.take(one.get("ada"), BO)


async def test_replacement_ends_with_an_error_if_others_always_write_first(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If other servers change the log during every attempt, the request fails, and the log is not replaced."""
    works = store.replace
    async with opened(store) as one, opened(store) as other:
        await say(one, "hello")

        async def note_first(append: Append, *, expected_epoch: str, expected_version: int) -> None:
            await handling.note(other.get("ada"), ADA, "a note")
            await works(append, expected_epoch=expected_epoch, expected_version=expected_version)

        monkeypatch.setattr(store, "replace", note_first)
        with pytest.raises(VersionConflict):
            await operations.replace_events(one.get("ada"), [])
        assert (await kinds(store)).count("Note") == MAX_ATTEMPTS
        assert shown(await say(one, "hello"))[-1] == "Hello."


async def test_outdated_record_is_no_conflict(store: MemoryStore) -> None:
    """A server whose memory is outdated reads the current head before it rejects a request."""
    async with opened(store) as one, opened(store) as other:
        await say(one, "hello")
        await handling.take(one.get("ada"), ADA)
        with pytest.raises(HandlerConflict):
            await handling.take(other.get("ada"), BO)
        await handling.hand_back(one.get("ada"), ADA)
        head = await handling.take(other.get("ada"), BO)
    assert head.handling.operator == BO


async def test_message_on_another_server_finds_the_operator(store: MemoryStore) -> None:
    """A server that was not notified of the operator does not answer the visitor either."""
    async with opened(store) as one, opened(store) as other:
        await say(other, "hello")
        await handling.take(one.get("ada"), ADA)
        assert shown(await say(other, "hello")) == ["hello"]


async def test_restart_does_not_end_the_handling(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """The visitor's `/restart` is only a message. After a posted `restart` event, the operator and the pause remain."""
    await handling.take(conversation, ADA)
    assert shown(await say(conversations, "/restart")) == ["/restart"]
    await operations.apply_events(conversation, [Restarted()])
    head = await store.head("ada")
    assert head is not None
    assert head.handling.operator == ADA
    assert (await kinds(store))[-2:] == ["Restarted", "ConversationPaused"]


async def test_trigger_lets_the_bot_speak(conversation: Conversation, store: MemoryStore) -> None:
    """After a hand-back with a trigger, the bot acts on the intent. Both are in one append."""
    await handling.take(conversation, ADA)
    before = await version(store)
    await handling.hand_back(conversation, ADA, trigger="ping", note="all done")
    events = [entry.event for entry in await store.entries("ada", after=before)]
    assert [type(event) for event in events[:4]] == [Note, OperatorLeft, ConversationResumed, UserUttered]
    assert [event.text for event in events if isinstance(event, BotUttered)] == ["Ping."]
    await handling.take(conversation, ADA)
    with pytest.raises(RequestError) as refused:
        await handling.hand_back(conversation, ADA, trigger="no such intent")
    assert refused.value.code == "unknown_intent"


async def test_triggers_wait_and_actions_are_rejected(conversation: Conversation, store: MemoryStore) -> None:
    """While an operator has the conversation, an external trigger waits as a reminder, and an action is rejected."""
    await handling.take(conversation, ADA)
    assert await operations.trigger(conversation, "ping") == []
    with pytest.raises(HandlerConflict, match="a person handles the conversation"):
        await operations.execute(conversation, "utter_ping")
    assert await store.due_reminders(now=9e9) == []
    await handling.hand_back(conversation, ADA)
    [reminder] = await store.due_reminders(now=9e9)
    assert reminder.intent == "ping"


async def test_waiting_trigger_fires_after_the_hand_back(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """A waiting trigger fires once, soon after the hand-back."""
    reminders = Reminders(conversations)
    await reminders.open()
    try:
        await handling.take(conversation, ADA)
        await operations.trigger(conversation, "ping")
        await asyncio.sleep(0.3)
        assert "Ping." not in shown(await store.entries("ada"))
        await handling.hand_back(conversation, ADA)
        async with asyncio.timeout(3):
            while "Ping." not in shown(await store.entries("ada")):  # noqa: ASYNC110  # another task writes
                await asyncio.sleep(0.02)
    finally:
        await reminders.close()
    assert shown(await store.entries("ada")).count("Ping.") == 1


async def test_action_requests_a_person(conversation: Conversation, store: MemoryStore) -> None:
    """`action_human_handoff` sends a message, and the conversation waits; a second run changes nothing."""
    entries = await operations.execute(conversation, "action_human_handoff")
    assert shown(entries) == ["A person will answer you here. Please wait a moment."]
    head = await store.head("ada")
    assert head is not None
    assert head.handling.handler == "queue"
    assert (await kinds(store))[-2:] == ["HandoffRequested", "ConversationPaused"]


async def test_handoff_without_operators(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """Without operators, the bot sends a message and continues. With `when_away: queue`, the conversation waits."""
    conversations.engine.handoff = Handoff(is_staffed=lambda _: False)
    entries = await operations.execute(conversation, "action_human_handoff")
    assert shown(entries) == ["Nobody is available right now. Please try again later, or continue with me."]
    assert shown(await say(conversations, "hello")) == ["hello", "Hello."]
    conversations.engine.handoff = Handoff(is_staffed=lambda _: False, when_away="queue")
    await operations.execute(conversation, "action_human_handoff")
    head = await store.head("ada")
    assert head is not None
    assert head.handling.handler == "queue"


async def test_queue_expires(conversation: Conversation, store: MemoryStore) -> None:
    """A conversation that waits too long returns to the bot with a message. Others do not change."""
    await handling.request_handoff(conversation)
    assert (await handling.expire(conversation, waiting_s=60.0)).handling.handler == "queue"
    assert (await handling.expire(conversation, waiting_s=0.0)).handling.handler == "bot"
    assert "I'm sorry, nobody was free" in str(shown(await store.entries("ada"))[-1])
    await handling.take(conversation, ADA)
    assert (await handling.expire(conversation, waiting_s=0.0)).handling.operator == ADA


async def test_failure_requests_a_person_once_an_hour(store: MemoryStore) -> None:
    """With `on_error`, a failed action requests a person, but not again within an hour."""
    async with opened(store, actions=Actions(work=failing)) as conversations:
        conversations.engine.handoff = Handoff(is_staffed=lambda _: True, on_error=True)
        conversation = conversations.get("ada")
        await say(conversations, "work")
        head = await store.head("ada")
        assert head is not None
        assert head.handling.handler == "queue"
        [request] = [each.event for each in await store.entries("ada") if isinstance(each.event, HandoffRequested)]
        assert request.reason == "error"
        await handling.hand_back(conversation, ADA)
        await say(conversations, "work")
        head = await store.head("ada")
        assert head is not None
        assert head.handling.handler == "bot"


async def test_notes_labels_and_ratings_change_nothing_else(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """Notes, labels and ratings are internal events. They start no session and do not change `updated`."""
    before = await store.head("ada")
    assert before is not None
    await handling.note(conversation, ADA, "is angry")
    await handling.label(conversation, add=["vip"], remove=["new"], operator=ADA)
    await handling.rate(conversation, 4, comment="good", of=before.visible)
    after = await store.head("ada")
    assert after is not None
    entries = await store.entries("ada", after=before.version)
    assert [type(entry.event) for entry in entries] == [Note, Labelled, Rated]
    assert all(entry.view is None for entry in entries)
    assert replace(after, version=before.version) == before
    assert shown(await say(conversations, "hello")) == ["hello", "Hello."]


@pytest.mark.parametrize(("score", "of"), [(0, None), (6, None), (3, 10_000)])
async def test_invalid_ratings_are_rejected(conversation: Conversation, score: int, of: int | None) -> None:
    """A rating must be from 1 to 5, and the rated message must exist."""
    with pytest.raises(RequestError) as refused:
        await handling.rate(conversation, score, of=of)
    assert refused.value.code == "bad_request"


async def test_closed_conversation_opens_again(
    conversations: Conversations, conversation: Conversation, store: MemoryStore
) -> None:
    """A conversation is closed until the visitor's next message."""
    await handling.take(conversation, ADA)
    head = await handling.close(conversation, ADA, note="done")
    assert head.handling.handler == "bot"
    assert head.handling.closed_at is not None
    assert shown(await say(conversations, "hello")) == ["hello", "Hello."]
    opened_again = await store.head("ada")
    assert opened_again is not None
    assert opened_again.handling.closed_at is None


async def test_subscribers_learn_of_changes(conversation: Conversation) -> None:
    """Subscribers receive the operator's messages, the handler and typing."""

    class Socket:
        def __init__(self) -> None:
            self.news: list[News] = []

        def notify(self, news: News) -> None:
            self.news.append(news)

    socket = Socket()
    conversation.subscribers.append(socket)
    await handling.take(conversation, ADA)
    handling.typing(conversation, on=True)
    await handling.close(conversation, ADA, asks_rating=True)
    conversation.subscribers.remove(socket)
    first, typed, last = socket.news
    assert isinstance(first, HandlerChanged)
    assert first.handling.operator == ADA
    assert typed == AgentTyping(on=True)
    assert isinstance(last, HandlerChanged)
    assert (last.handling.handler, last.asks_rating) == ("bot", True)


async def test_other_servers_learn_of_changes(store: MemoryStore) -> None:
    """A server that catches up notifies its subscribers of the new handler, too."""
    news: list[News] = []

    class Socket:
        def notify(self, one: News) -> None:
            news.append(one)

    async with opened(store) as one, opened(store) as other:
        await say(other, "hello")
        watched = other.get("ada")
        watched.subscribers.append(Socket())
        head = await handling.say(one.get("ada"), ADA, text="Hi.", message_id="m1")
        await watched.catch_up(head.epoch, head.version)
        await handling.note(one.get("ada"), ADA, "quiet")
        newest = await store.head("ada")
        assert newest is not None
        await watched.catch_up(newest.epoch, newest.version)
        watched.subscribers.clear()
    changes = [each.handling.operator for each in news if isinstance(each, HandlerChanged)]
    assert changes == [ADA]


async def test_unknown_conversations_are_rejected(conversations: Conversations) -> None:
    """Requests of operators do not create conversations."""
    with pytest.raises(RequestError) as refused:
        await handling.take(conversations.get("nobody"), ADA)
    assert refused.value.code == "unknown_conversation"


async def test_actions_do_not_see_the_desk(store: MemoryStore) -> None:
    """An action server receives `pause`, `resume` and `agent` in Rasa's format, and no notes."""
    actions = Actions()
    async with opened(store, actions=actions) as conversations:
        await say(conversations, "hello")
        conversation = conversations.get("ada")
        await handling.say(conversation, ADA, text="Hi.", message_id="m1")
        await handling.note(conversation, ADA, "secret")
        await handling.hand_back(conversation, ADA, note="secret too")
        await say(conversations, "work")
    [call] = actions.calls
    events = msgspec.json.decode(msgspec.json.encode(call.tracker))["events"]
    assert "secret" not in str(events)
    assert [event["event"] for event in events if event["event"] in ("pause", "agent", "resume")] == [
        "pause", "agent", "resume",
    ]  # fmt: skip
    [agent] = [event for event in events if event["event"] == "agent"]
    assert set(agent) == {"event", "timestamp", "metadata", "text", "data"}


async def test_expired_session_starts_again_when_an_operator_joins(
    conversations: Conversations, conversation: Conversation, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an operator takes a conversation whose session has expired, a new one starts. Later messages start none."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 7200)
    conversations.engine._env = replace(conversations.engine._env, now=lambda: now + 7200)
    before = await version(store)
    await handling.take(conversation, ADA)
    assert (await kinds(store, before))[:2] == ["ActionExecuted", "SessionStarted"]
    conversations.engine._env = replace(conversations.engine._env, now=lambda: now + 20000)
    before = await version(store)
    await say(conversations, "hello")
    assert await kinds(store, before) == ["UserUttered"]
