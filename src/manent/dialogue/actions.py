"""Runs built-in actions, responses, forms, end-to-end texts and custom actions (contract §2, §5.6).

`turn.py` runs an action by name and applies its events.
"""

from collections.abc import Callable

from manent.core.domain import REQUESTED_SLOT, Domain
from manent.core.events import ActiveLoop, BotUttered, Event, Restarted, SlotSet, UserUtteranceReverted
from manent.dialogue import fallback, handoff
from manent.dialogue.acting import Acting
from manent.dialogue.forms import run_form
from manent.dialogue.responses import bot_event
from manent.dialogue.session import session_start_events
from manent.dialogue.slots import SlotFiller, latest_received
from manent.dialogue.steps import Activity, Done

SESSION_START = "action_session_start"


class Actions:
    """All actions in a domain. The lookup by name is prepared once, when a model is loaded."""

    def __init__(self, domain: Domain, filler: SlotFiller) -> None:
        self._domain = domain
        self._filler = filler
        self._known = {name: self._find(name) for name in domain.action_names}

    def run(self, acting: Acting, name: str) -> Done:
        """Run an action by name and return its events, without the `action` event.

        If this method returns a generator (`Activity`), the generator can raise:
            ActionRejected: the action refused to run.
            ActionError: a custom action failed.
        """
        return (self._known.get(name) or self._find(name))(acting)

    def _find(self, name: str) -> Callable[[Acting], Done]:
        domain, filler = self._domain, self._filler
        if name in domain.actions:
            if name in _BUILT_IN:
                return lambda acting: acting.call_or(name, _BUILT_IN[name])
            if not name.startswith("utter_"):
                return lambda acting: acting.call(name)
        elif name in _BUILT_IN:
            return _BUILT_IN[name]
        elif name in ("action_extract_slots", "action_validate_slot_mappings"):
            return lambda acting: _extract(acting, filler)
        retrieval = domain.intents.get(name.removeprefix("utter_"))
        if retrieval is not None and retrieval.is_retrieval and name.startswith("utter_"):
            return lambda acting: _say_selected(acting, retrieval.name)
        if name in domain.responses or name.startswith("utter_"):
            return lambda acting: _say(acting, name)
        if name in domain.forms:
            return lambda acting: run_form(acting, filler, domain.forms[name])
        if name in domain.e2e_actions:
            return lambda _: [bot_event({"text": name})]
        return lambda acting: acting.call(name)


def _say(acting: Acting, response: str) -> Done:
    return acting.say(response) if acting.external_nlg else acting.say_here(response)


def _listen(_: Acting) -> Done:
    return []


def _restart(acting: Acting) -> Activity[list[Event]]:
    events: list[Event] = []
    if "utter_restart" in acting.responses:
        events = yield from acting.say("utter_restart")
    return [*events, Restarted()]


def _session_start(acting: Acting) -> Done:
    return session_start_events(acting.tracker, acting.domain)


def _deactivate_loop(_: Acting) -> Done:
    return [ActiveLoop(name=None), SlotSet(name=REQUESTED_SLOT, value=None)]


def _back(acting: Acting) -> Activity[list[Event]]:
    events: list[Event] = []
    if "utter_back" in acting.responses:
        events = yield from acting.say("utter_back")
    return [*events, UserUtteranceReverted(), UserUtteranceReverted()]


def _send_text(acting: Acting) -> Done:
    """Return the text in the latest message's metadata as a bot message."""
    message = acting.tracker.state.latest_message
    sent = (message.metadata.get("message") or {}) if message is not None else {}
    return [BotUttered(text=sent.get("text") or "")]


def _say_selected(acting: Acting, intent: str) -> Done:
    """Return the bot event for the response that the response selector found.

    Return an empty list if no selector ran.
    """
    message = acting.tracker.state.latest_message
    selected = (message.parse_data.get("response_selector") or {}) if message is not None else {}
    found = selected.get(intent) or selected.get("default") or {}
    name = (found.get("response") or {}).get("utter_action")
    if not name:
        return []
    return _say(acting, name)


def _extract(acting: Acting, filler: SlotFiller) -> Done:
    """Fill slots from the latest message."""
    received = latest_received(acting.tracker)
    return [] if received is None else filler.fill(acting, received)


_BUILT_IN: dict[str, Callable[[Acting], Done]] = {
    "action_listen": _listen,
    "action_restart": _restart,
    SESSION_START: _session_start,
    "action_default_fallback": fallback.give_up,
    "action_deactivate_loop": _deactivate_loop,
    "action_revert_fallback_events": fallback.revert_fallback_events,
    fallback.ASK_AFFIRMATION: fallback.ask_affirmation,
    fallback.ASK_REPHRASE: fallback.ask_rephrase,
    fallback.TWO_STAGE: fallback.two_stage,
    "action_unlikely_intent": _listen,
    "action_back": _back,
    "action_send_text": _send_text,
    handoff.HANDOFF: handoff.human_handoff,
}
