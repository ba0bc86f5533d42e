"""Runs forms: activates and validates them, asks for slots, and ends them (contract §5.5).

A form's action does not change the tracker while it runs. It returns its events, and the turn applies them together.
Therefore, if an action that the form called fails, or if the server stops, the form can run again from its start.
"""

from collections.abc import Sequence

from manent.core.domain import REQUESTED_SLOT, Form
from manent.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    Event,
    LoopInterrupted,
    SlotSet,
    UserUttered,
)
from manent.dialogue.acting import Acting, ActionRejected
from manent.dialogue.slots import ReceivedMessage, SlotFiller
from manent.dialogue.states import LISTEN
from manent.dialogue.steps import Activity


def run_form(acting: Acting, filler: SlotFiller, form: Form) -> Activity[list[Event]]:
    """Run a form's action.

    Raises:
        ActionRejected: the message sets no slot of the form.
        ActionError: an action that validates slots or asks for a slot failed.
    """
    loop = acting.tracker.state.active_loop
    events: list[Event] = []
    opens = loop is None or loop.name != form.name
    validates = True
    if opens:
        events.append(ActiveLoop(name=form.name))
        events += yield from _activate(acting, filler, form)
        validates = len(events) == 1
    if not _is_done(events):
        if validates:
            events += yield from _validate_answer(acting, filler, form, events, may_decline=not opens)
        if not any(isinstance(event, ActionExecutionRejected) for event in events):
            events += yield from _ask_next(acting, form, events)
    if _is_done(events):
        events.append(ActiveLoop(name=None))
    return events


def candidate_slots(form: Form, requested: str | None) -> set[str]:
    """Return the slots whose values a form validates before storing them."""
    return {*form.required_slots, requested} if requested is not None else set(form.required_slots)


def _is_done(events: Sequence[Event]) -> bool:
    return _is_left(events) or any(
        isinstance(event, SlotSet) and event.name == REQUESTED_SLOT and event.value is None for event in events
    )


def _is_left(events: Sequence[Event]) -> bool:
    """Return whether a validation action has ended the form."""
    return any(isinstance(event, ActiveLoop) and event.name is None for event in events)


def _activate(acting: Acting, filler: SlotFiller, form: Form) -> Activity[list[Event]]:
    """Fill slots from the message that activated the form, and validate them."""
    opened: list[Event] = [ActiveLoop(name=form.name)]
    found = yield from _extract(acting, filler, form, opened)
    # The extraction actions already ran when the message arrived, so their messages are not sent a second time.
    extracted = [event for event in found if isinstance(event, SlotSet)]
    values = acting.values(extracted)
    filled = [SlotSet(name=name, value=values[name]) for name in form.required_slots if values.get(name) is not None]
    validated = yield from _validate(acting, form, filled, [*opened, *extracted], opens=True)
    settled = {event.name for event in validated if isinstance(event, SlotSet)}
    return [*validated, *(event for event in extracted if event.name not in settled)]


def _extract(
    acting: Acting, filler: SlotFiller, form: Form, before: Sequence[Event], *, opens: bool = True
) -> Activity[list[Event]]:
    """Fill slots from the latest message while the form is active."""
    message = acting.tracker.state.latest_message
    if message is None:
        return []
    received = ReceivedMessage(
        message=message,
        loop=form.name,
        rejected=False,
        requested=acting.tracker.requested_slot,
        opens=opens,
        by_form=True,
    )
    filled = filler.fill(acting, received, trailing=before)
    return filled if isinstance(filled, list) else (yield from filled)


def _validate_answer(
    acting: Acting, filler: SlotFiller, form: Form, before: Sequence[Event], *, may_decline: bool
) -> Activity[list[Event]]:
    """Validate the slots that the latest message filled.

    Reject the message if it filled no slot and `may_decline` is set. A message that activated the form is never
    rejected, because the slot requested at that time belongs to another form.
    """
    tracker = acting.tracker
    loop = tracker.state.active_loop
    is_interrupted = loop is not None and loop.name == form.name and loop.is_interrupted
    for event in acting.pending:
        if isinstance(event, LoopInterrupted):
            is_interrupted = event.is_loop_interrupted
    if tracker.latest_action_name != LISTEN or is_interrupted:
        # No slot needs validation, but the validation action can set the next requested slot.
        return (yield from _validate(acting, form, [], before))
    is_new = acting.domain.is_legacy
    if is_new:
        # In format 2.0, the form itself fills its slots, after a policy has predicted the form.
        events = yield from _extract(acting, filler, form, before, opens=not may_decline)
        candidates = [event for event in events if isinstance(event, SlotSet)]
    else:
        candidates = _candidates(acting, form)
    validated = yield from _validate(acting, form, candidates, before, is_new=is_new)
    settles = any(isinstance(event, SlotSet) and event.name != REQUESTED_SLOT for event in validated)
    if may_decline and tracker.requested_slot is not None and not candidates and not settles:
        raise ActionRejected(form.name)
    return validated


def _candidates(acting: Acting, form: Form) -> list[SlotSet]:
    """Return the last value of each form slot that was set since the latest user message."""
    wanted = candidate_slots(form, acting.tracker.requested_slot)
    found: dict[str, SlotSet] = {}
    for event in reversed(acting.tracker.applied):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, SlotSet) and event.name in wanted:
            found.setdefault(event.name, event)
    return list(reversed(found.values()))


def _validate(
    acting: Acting,
    form: Form,
    candidates: Sequence[SlotSet],
    before: Sequence[Event],
    *,
    is_new: bool = False,
    opens: bool = False,
) -> Activity[list[Event]]:
    """Call `validate_<form>` if the domain has this action.

    Slots that have not been stored yet are returned even if the action does not return them. While the form is being
    activated, the action sees the requested slot even if it belongs to another form.
    """
    name = f"validate_{form.name}"
    events: list[Event] = []
    if name in acting.domain.actions:
        run = _run_shown(acting, form, opens=opens)
        shown = [*before, *run, *(SlotSet(name=each.name, value=each.value) for each in candidates)]
        events = yield from acting.call(name, trailing=shown)
    if not is_new:
        return events
    settled = {event.name for event in events if isinstance(event, SlotSet)}
    return [*events, *(each for each in candidates if each.name not in settled)]


def _run_shown(acting: Acting, form: Form, *, opens: bool = False) -> list[Event]:
    """Return the events that represent the running form in requests to actions that validate or ask for a slot."""
    is_own = opens or acting.tracker.active_loop_name == form.name
    asked = acting.tracker.requested_slot if is_own else None
    return [SlotSet(name=REQUESTED_SLOT, value=asked), ActionExecuted(name=form.name)]


def _ask_next(acting: Acting, form: Form, before: Sequence[Event]) -> Activity[list[Event]]:
    """Ask for the next slot, or end the form."""
    for event in before:
        if isinstance(event, SlotSet) and event.name == REQUESTED_SLOT:
            if event.value is None:
                return [SlotSet(name=REQUESTED_SLOT, value=None)]
            return (yield from _ask(acting, form, event.value, before))
    values = acting.values(before)
    for name in () if _is_left(before) else form.required_slots:
        if values.get(name) is None:
            # The action that asks for the slot still receives the previously requested slot.
            asked = yield from _ask(acting, form, name, before)
            return [SlotSet(name=REQUESTED_SLOT, value=name), *asked]
    return [SlotSet(name=REQUESTED_SLOT, value=None)]


def _ask(acting: Acting, form: Form, slot: str, before: Sequence[Event]) -> Activity[list[Event]]:
    domain = acting.domain
    shown = [*_run_shown(acting, form), *before]
    for part in (f"{form.name}_{slot}", slot):
        if f"action_ask_{part}" in domain.actions:
            return (yield from acting.call(f"action_ask_{part}", trailing=shown))
        # With an NLG server, a domain can list the names of its responses under `actions`, without texts.
        if f"utter_ask_{part}" in domain.responses or f"utter_ask_{part}" in domain.actions:
            return (yield from acting.say(f"utter_ask_{part}", trailing=shown))
    return []
