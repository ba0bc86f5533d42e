"""Sessions: decides when a new session starts, and which slots it carries over (contract §5.1, §5.6)."""

from typing import Any

from manent.core.domain import REQUESTED_SLOT, Domain, SessionConfig
from manent.core.events import ActionExecuted, Event, SessionStarted, SlotSet
from manent.core.tracker import Tracker
from manent.dialogue.states import LISTEN

_SECONDS_PER_MINUTE = 60.0


def needs_new_session(tracker: Tracker, config: SessionConfig, now: float) -> bool:
    """Return whether no session exists or the last one has expired at `now` (seconds).

    In both cases, a new session must start.
    """
    if not tracker.applied and not tracker.truncated:
        return True
    if not config.expiration_time_min or tracker.last_user_time is None:
        return False
    return now - tracker.last_user_time > config.expiration_time_min * _SECONDS_PER_MINUTE


def session_start_events(tracker: Tracker, domain: Domain) -> list[Event]:
    """Return the events of `action_session_start`: a new session, and the slots that it carries over.

    Each slot is carried over once, with its latest value, in the order in which the slots were last set. Rasa repeats
    all slot events of all earlier sessions. This leads to the same values, but makes a log grow with the square of the
    number of its sessions. A form's requested slot is not carried over, because the form is not carried over.
    """
    values: dict[str, Any] = {}
    if domain.session.carry_over_slots:
        values.update(tracker.base.values)
        for event in tracker.applied:
            if isinstance(event, SlotSet):
                values.pop(event.name, None)  # move the slot to the end
                values[event.name] = event.value
        values.pop(REQUESTED_SLOT, None)
    carried = [SlotSet(name=name, value=value) for name, value in values.items()]
    return [SessionStarted(), *carried, ActionExecuted(name=LISTEN)]
