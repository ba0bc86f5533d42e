"""The test suite that every policy must pass.

Import the tests, and write a fixture `make_policy` that returns a function. The function creates an untrained policy
whose predictions name only actions of `DOMAIN`, such as `utter_greet`, or no actions at all.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy

import pytest

from manent.core.domain import Domain
from manent.core.events import ActionExecuted, BotUttered, Event, Json, SessionStarted, UserUttered, event_to_wire
from manent.core.tracker import Tracker
from manent.dialogue.policies.custom import Conversation, CustomPolicy

MakePolicy = Callable[[], CustomPolicy]

ACTIONS = ("utter_greet", "utter_goodbye", "utter_help")

DOMAIN: Json = {
    "intents": ["greet", "goodbye"],
    "responses": {action: [{"text": action}] for action in ACTIONS},
    "slots": {},
}
"""The domain that the policies are trained with, in the form of `domain.yml`."""


def events_of(*texts: str) -> list[Event]:
    """Return the events of a conversation in which a visitor sends these texts. The last text has no answer."""
    events: list[Event] = [ActionExecuted(name="action_session_start"), SessionStarted()]
    for number, text in enumerate(texts):
        if number:
            events += [ActionExecuted(name="utter_greet"), BotUttered(text="utter_greet")]
        intent = {"name": "greet", "confidence": 0.9}
        parse_data = {"text": text, "intent": intent, "entities": [], "intent_ranking": [intent]}
        events += [ActionExecuted(name="action_listen"), UserUttered(text=text, parse_data=parse_data)]
    return events


def conversation_of(*texts: str) -> Conversation:
    """Return the conversation of `events_of`, as a policy receives it."""
    tracker = Tracker(sender_id="ada", domain=Domain())
    for event in events_of(*texts):
        tracker.update(event)
    return Conversation(tracker)


STORIES: list[Json] = [
    {
        "name": f"story {number}",
        "is_rule": number == 0,
        "events": [event_to_wire(event) for event in events_of("hello")],
    }
    for number in range(2)
]

CONVERSATIONS: Mapping[str, tuple[str, ...]] = {
    "without a message": (),
    "one message": ("hello",),
    "the same message twice": ("hello", "hello"),
    "unusual texts": ("", "é 😀 \n", "x" * 4000, "/greet"),
}


def predict(policy: CustomPolicy) -> list[dict[str, float]]:
    """Return the policy's predictions for all conversations in `CONVERSATIONS`."""
    return [dict(policy.predict(conversation_of(*texts))) for texts in CONVERSATIONS.values()]


def test_a_loaded_policy_predicts_the_same(make_policy: MakePolicy) -> None:
    """`persist` returns files as bytes by name, and a policy that loads these files makes the same predictions."""
    trained = make_policy()
    trained.train(deepcopy(STORIES), deepcopy(DOMAIN))
    files = dict(trained.persist())
    loaded = make_policy()
    loaded.load(files)

    assert all(isinstance(name, str) and isinstance(content, bytes) for name, content in files.items())
    assert predict(loaded) == predict(trained)


@pytest.mark.parametrize("texts", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_predictions_are_confidences_of_actions(make_policy: MakePolicy, texts: tuple[str, ...]) -> None:
    """A prediction contains actions from the domain with confidences from 0 to 1."""
    policy = make_policy()
    policy.train(deepcopy(STORIES), deepcopy(DOMAIN))
    prediction = policy.predict(conversation_of(*texts))

    assert set(prediction) <= {*ACTIONS, "action_listen"}
    assert all(0 <= confidence <= 1 for confidence in prediction.values())


def test_a_conversation_does_not_change_the_next_one(make_policy: MakePolicy) -> None:
    """A prediction depends only on the conversation, so it is the same after a server restart."""
    policy = make_policy()
    policy.train(deepcopy(STORIES), deepcopy(DOMAIN))

    assert predict(policy) == predict(policy)


def test_training_without_stories(make_policy: MakePolicy) -> None:
    """A policy can be trained without stories and then used."""
    policy = make_policy()
    policy.train([], deepcopy(DOMAIN))
    predict(policy)
