"""The parts that turns share: custom actions, generated responses, ids and leases."""

from typing import Any

import pytest

from manent.core.errors import ActionError, RequestError
from manent.core.events import Json
from manent.dialogue.turn import CallAction, Generate
from manent.runtime.conversation.engine import Engine
from manent.stores.memory import MemoryStore
from support.small_talk import Actions, assistant, opened, say

CALL = CallAction(name="action_work")
GENERATE = Generate(response="utter_greet", arguments={"a": 1}, channel="collector")


def engine(**parts: Any) -> Engine:
    """Return an engine over an empty store."""
    return Engine(store=MemoryStore(), assistant=assistant(), **parts)


class Generator:
    """A text generator that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Json, str]] = []
        self.is_closed = False

    async def generate(self, response: str, arguments: Json, tracker: Json, channel: str) -> Json:
        """Record the call."""
        self.calls.append((response, arguments, channel))
        return {"text": f"to {tracker['sender_id']}"}

    async def close(self) -> None:
        """Record that it is closed."""
        self.is_closed = True


async def test_closing_closes_the_generator() -> None:
    """Its connections do not stay open, also in `manent shell`, which closes only the conversations."""
    generator = Generator()
    parts = engine(generator=generator)
    await parts.open()
    await parts.close()

    assert generator.is_closed


async def test_an_action_receives_the_session_and_a_key() -> None:
    """The call of an action has the tracker with the session's events, and a key of epoch, version and action."""
    actions = Actions()
    async with opened(MemoryStore(), actions) as conversations:
        await say(conversations, "hello")
        head, tracker = await conversations.get("ada").record.load()
        await conversations.engine.ask(head, tracker, CALL)

    [call] = actions.calls
    assert (call.name, call.sender_id) == ("action_work", "ada")
    assert call.idempotency_key == f"{head.epoch}:{head.version}:action_work"
    assert len(call.tracker["events"]) == head.version


async def test_session_events_beyond_the_limit_start_at_a_user_event() -> None:
    """If a session has more events than an action receives, the first one is a message of the user."""
    actions = Actions(newest_events=9)
    async with opened(MemoryStore(), actions) as conversations:
        for _ in range(3):
            await say(conversations, "hello")
        head, tracker = await conversations.get("ada").record.load()
        await conversations.engine.ask(head, tracker, CALL)

    events = actions.calls[0].tracker["events"]
    assert 0 < len(events) < 9
    assert bytes(events[0]).startswith(b'{"event":"user"')


async def test_a_generator_receives_arguments_and_channel() -> None:
    """The request for a generated response contains its arguments and its channel."""
    generator = Generator()
    async with opened(MemoryStore()) as conversations:
        await say(conversations, "hello")
        conversations.engine.generator = generator
        head, tracker = await conversations.get("ada").record.load()
        answer = await conversations.engine.ask(head, tracker, GENERATE)

    assert answer == {"text": "to ada"}
    assert generator.calls == [("utter_greet", {"a": 1}, "collector")]


@pytest.mark.parametrize(("step", "code"), [(CALL, "action_endpoint_missing"), (GENERATE, "nlg_missing")])
async def test_without_an_endpoint_the_error_names_it(step: CallAction | Generate, code: str) -> None:
    """An action or a generated response fails with a code if endpoints.yml has no server for it."""
    async with opened(MemoryStore()) as conversations:
        conversations.engine.actions = None
        head, tracker = await conversations.get("ada").record.load()
        with pytest.raises(ActionError) as failed:
            await conversations.engine.ask(head, tracker, step)

    assert failed.value.code == code


def test_without_a_model_there_is_no_assistant() -> None:
    """An engine whose model was unloaded raises `no_model`."""
    unloaded = engine()
    unloaded.model = None
    with pytest.raises(RequestError) as rejected:
        _ = unloaded.assistant

    assert rejected.value.code == "no_model"


def test_ids_are_unique() -> None:
    """A thousand ids are different and have 32 hexadecimal digits each."""
    made = engine()
    ids = {made.new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert {len(one) for one in ids} == {32}
