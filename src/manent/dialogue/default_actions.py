"""What each action does: the built-in ones, responses, forms, end-to-end texts, and custom ones (contract §2, §5.6).

`turn.py` calls `run_action` with a name and takes the events in.
"""

from collections.abc import Callable

from manent.core.domain import REQUESTED_SLOT
from manent.core.events import ActiveLoop, BotUttered, Event, Restarted, SlotSet, UserUtteranceReverted
from manent.dialogue import fallback
from manent.dialogue.acting import Acting
from manent.dialogue.forms import run_form
from manent.dialogue.responses import bot_event
from manent.dialogue.session import session_start_events
from manent.dialogue.slots import Heard, SlotFiller
from manent.dialogue.steps import Activity

SESSION_START = "action_session_start"


def run_action(acting: Acting, filler: SlotFiller, name: str) -> Activity[list[Event]]:
    """Run an action by name and return its events, without the `action` event itself.

    Raises:
        ActionRejected: it declined to run.
        ActionError: a custom action that it needs could not be run.
    """
    domain = acting.domain
    if name in domain.actions:
        if not name.startswith("utter_"):
            return (yield from acting.call(name))
    elif name in _BUILT_IN:
        return (yield from _BUILT_IN[name](acting))
    elif name in ("action_extract_slots", "action_validate_slot_mappings"):
        return (yield from _extract(acting, filler))
    retrieval = domain.intents.get(name.removeprefix("utter_"))
    if retrieval is not None and retrieval.is_retrieval and name.startswith("utter_"):
        return (yield from _say_selected(acting, retrieval.name))
    if name in domain.responses or name.startswith("utter_"):
        return (yield from acting.say(name))
    if name in domain.forms:
        return (yield from run_form(acting, filler, domain.forms[name]))
    if name in domain.e2e_actions:
        return [bot_event({"text": name})]
    return (yield from acting.call(name))


def _listen(acting: Acting) -> Activity[list[Event]]:  # noqa: ARG001 - one signature for all
    return []
    yield


def _restart(acting: Acting) -> Activity[list[Event]]:
    said: list[Event] = []
    if "utter_restart" in acting.responses:
        said = yield from acting.say("utter_restart")
    return [*said, Restarted()]


def _session_start(acting: Acting) -> Activity[list[Event]]:
    return session_start_events(acting.tracker, acting.domain)
    yield


def _deactivate_loop(acting: Acting) -> Activity[list[Event]]:  # noqa: ARG001
    return [ActiveLoop(name=None), SlotSet(name=REQUESTED_SLOT, value=None)]
    yield


def _back(acting: Acting) -> Activity[list[Event]]:
    said: list[Event] = []
    if "utter_back" in acting.responses:
        said = yield from acting.say("utter_back")
    return [*said, UserUtteranceReverted(), UserUtteranceReverted()]


def _send_text(acting: Acting) -> Activity[list[Event]]:
    """Say the text that came along with the latest message."""
    message = acting.tracker.state.latest_message
    sent = (message.metadata.get("message") or {}) if message is not None else {}
    return [BotUttered(text=sent.get("text") or "")]
    yield


def _say_selected(acting: Acting, intent: str) -> Activity[list[Event]]:
    """Say the response that the response selector found for a retrieval intent; nothing if it did not run."""
    message = acting.tracker.state.latest_message
    selected = (message.parse_data.get("response_selector") or {}) if message is not None else {}
    found = selected.get(intent) or selected.get("default") or {}
    name = (found.get("response") or {}).get("utter_action")
    if not name:
        return []
    return (yield from acting.say(name))


def _extract(acting: Acting, filler: SlotFiller) -> Activity[list[Event]]:
    """Fill slots from the latest message."""
    message = acting.tracker.state.latest_message
    if message is None:
        return []
    loop = acting.tracker.state.active_loop
    heard = Heard(
        message=message,
        loop=loop.name if loop is not None else None,
        rejected=loop is not None and loop.rejected,
        requested=acting.tracker.requested_slot,
    )
    return (yield from filler.fill(acting, heard))


_BUILT_IN: dict[str, Callable[[Acting], Activity[list[Event]]]] = {
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
}
