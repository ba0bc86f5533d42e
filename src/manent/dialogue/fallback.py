"""Runs the fallback actions, which ask the user to affirm or to rephrase, in one or two stages (contract §5.6)."""

import msgspec

from manent.core.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    Json,
    UserUtteranceReverted,
    UserUttered,
)
from manent.core.tracker import Tracker
from manent.dialogue.acting import Acting
from manent.dialogue.responses import bot_event
from manent.dialogue.states import LISTEN
from manent.dialogue.steps import Activity

DEFAULT_FALLBACK = "action_default_fallback"
DEFAULT_RESPONSE = "utter_default"
"""The response that `DEFAULT_FALLBACK` sends. If the domain does not contain this response, it sends nothing."""
TWO_STAGE = "action_two_stage_fallback"
ASK_AFFIRMATION = "action_default_ask_affirmation"
ASK_REPHRASE = "action_default_ask_rephrase"
UNCLEAR = "nlu_fallback"
DENIED = "out_of_scope"


def ask_affirmation(acting: Acting) -> list[Event]:
    """Ask whether the user meant the likeliest intent other than the fallback intent."""
    message = acting.tracker.state.latest_message
    parse_data = message.parse_data if message is not None else {}
    intent = _likeliest(parse_data)
    asked: Json = {
        "text": f"Did you mean '{intent}'?",
        "buttons": [
            {"title": "Yes", "payload": f"/{intent}"},
            {"title": "No", "payload": f"/{DENIED}"},
        ],
    }
    return [bot_event(asked, utter_action=ASK_AFFIRMATION)]


def _likeliest(parse_data: Json) -> str | None:
    intent = parse_data.get("intent") or {}
    ranking = parse_data.get("intent_ranking") or []
    if intent.get("name") == UNCLEAR and len(ranking) > 1:
        intent = ranking[1]
    name: str | None = intent.get("full_retrieval_intent_name") or intent.get("name")
    return name


def ask_rephrase(acting: Acting) -> Activity[list[Event]]:
    """Ask the user to rephrase."""
    return (yield from acting.say("utter_ask_rephrase"))


def give_up(acting: Acting) -> Activity[list[Event]]:
    """Reply that the message was not understood, and revert the user turn."""
    said: list[Event] = []
    if DEFAULT_RESPONSE in acting.responses or acting.external_nlg:
        said = yield from acting.say(DEFAULT_RESPONSE)
    return [*said, UserUtteranceReverted()]


def two_stage(acting: Acting) -> Activity[list[Event]]:
    """Ask the user to affirm the intent.

    If the user denies the intent, ask to rephrase, then to affirm again, then give up.
    """
    if acting.tracker.active_loop_name != TWO_STAGE:
        asked = yield from _ask(acting, ASK_AFFIRMATION)
        return [ActiveLoop(name=TWO_STAGE), *asked]
    intents = acting.tracker.recent_intents
    if intents[-2:] == (UNCLEAR, UNCLEAR) or intents[-3:] == (DENIED, UNCLEAR, DENIED):
        return [ActiveLoop(name=None), *(yield from give_up(acting))]
    if intents[-1:] == (DENIED,):
        return (yield from _ask(acting, ASK_REPHRASE))
    if intents[-1:] == (UNCLEAR,):
        return (yield from _ask(acting, ASK_AFFIRMATION))
    return [ActiveLoop(name=None), UserUtteranceReverted(), *_repeat_message(acting.tracker)]


def _ask(acting: Acting, action: str) -> Activity[list[Event]]:
    """Run an action that asks the user. If the domain lists the action, it runs on the action server."""
    built_in = ask_affirmation if action == ASK_AFFIRMATION else ask_rephrase
    if action in acting.domain.actions:
        return (yield from acting.call_or(action, built_in))
    did = built_in(acting)
    return did if isinstance(did, list) else (yield from did)


def _repeat_message(tracker: Tracker) -> list[Event]:
    """Return events that repeat the latest message with confidence 1, after `action_listen`."""
    message = tracker.state.latest_message
    if message is None:
        return [ActionExecuted(name=LISTEN)]
    parse_data = dict(message.parse_data)
    parse_data["intent"] = {**(parse_data.get("intent") or {}), "confidence": 1.0}
    again: UserUttered = msgspec.structs.replace(message, parse_data=parse_data)
    return [ActionExecuted(name=LISTEN), again]


def revert_fallback_events(acting: Acting) -> list[Event]:
    """Revert the fallback's questions after the user has affirmed or rephrased.

    Keep the message that the user affirmed or rephrased.
    """
    actions = [event.name for event in acting.tracker.applied if isinstance(event, ActionExecuted)]
    asked = [name for name in actions if name != LISTEN][-2:]
    if asked[-1:] == [ASK_REPHRASE]:
        return [UserUtteranceReverted()] * 3 + _repeat_message(acting.tracker)
    if asked[-1:] == [ASK_AFFIRMATION]:
        reverts = 5 if asked[:-1] == [ASK_REPHRASE] else 2
        return [UserUtteranceReverted()] * reverts + _repeat_message(acting.tracker)
    return []
