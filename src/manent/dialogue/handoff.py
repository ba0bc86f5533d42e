"""The built-in action `action_human_handoff`: requests a person, if a person is available.

Like the clock, the availability of a person is an input of the turn (`Handoff`). The runtime provides it.
"""

from manent.core.events import ConversationPaused, Event, HandoffRequested
from manent.core.tracker import AFTER_ERROR, Tracker
from manent.dialogue.acting import Acting
from manent.dialogue.responses import bot_event
from manent.dialogue.steps import Activity, Env

HANDOFF = "action_human_handoff"

REQUESTED = "utter_human_handoff"
REQUESTED_TEXT = "A person will answer you here. Please wait a moment."
UNAVAILABLE = "utter_human_handoff_unavailable"
UNAVAILABLE_TEXT = "Nobody is available right now. Please try again later, or continue with me."
TIMEOUT = "utter_human_handoff_timeout"
TIMEOUT_TEXT = "I'm sorry, nobody was free to answer. Please try again later, or continue with me."

RESPONSES = (REQUESTED, UNAVAILABLE, TIMEOUT)
"""Responses of a domain that the handoff sends."""

ERROR_INTERVAL_S = 3600.0
"""Minimum time between two handoffs of a conversation that failures of the bot request."""


def human_handoff(acting: Acting) -> Activity[list[Event]]:
    """Request a person, or send a message that no person is available. Do nothing if a person was already requested."""
    tracker, env = acting.tracker, acting.env
    if tracker.is_handled:
        return []
    if not _is_possible(env):
        return (yield from _say(acting, UNAVAILABLE, UNAVAILABLE_TEXT))
    said = yield from _say(acting, REQUESTED, REQUESTED_TEXT)
    message = tracker.state.latest_message
    return [*said, HandoffRequested(reason=message.intent if message is not None else None), ConversationPaused()]


def after_failure(tracker: Tracker, env: Env) -> list[Event]:
    """Return the events that request a person after the bot failed, if this is configured and a person is available."""
    if not env.handoff.on_error or tracker.is_handled or not _is_possible(env):
        return []
    if tracker.failed_over is not None and env.now() - tracker.failed_over < ERROR_INTERVAL_S:
        return []
    return [HandoffRequested(reason=AFTER_ERROR), ConversationPaused()]


def _is_possible(env: Env) -> bool:
    return env.handoff.when_away == "queue" or env.handoff.is_staffed(env.now())


def _say(acting: Acting, response: str, text: str) -> Activity[list[Event]]:
    if response in acting.responses:
        return (yield from acting.say(response))
    return [bot_event({"text": text}, utter_action=response)]
