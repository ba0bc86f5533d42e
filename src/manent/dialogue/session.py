"""Sessions: decides when a new one starts, and which slots it carries over (contract §5.1, §5.6)."""

from manent.core.domain import REQUESTED_SLOT, Domain, SessionConfig
from manent.core.events import ActionExecuted, Event, SessionStarted, SlotSet
from manent.core.tracker import Tracker
from manent.dialogue.states import LISTEN

_SECONDS_PER_MINUTE = 60.0


def needs_new_session(tracker: Tracker, config: SessionConfig, now: float) -> bool:
    """Return whether there is no session, or the last one has expired at `now` (seconds). Then a new one must start."""
    if not tracker.applied and not tracker.truncated:
        return True
    if not config.expiration_time_min or tracker.last_user_time is None:
        return False
    return now - tracker.last_user_time > config.expiration_time_min * _SECONDS_PER_MINUTE


def session_start_events(tracker: Tracker, domain: Domain) -> list[Event]:
    """Return the events of `action_session_start`: a new session, and the slots that it carries over.

    The requested slot of a form is not carried over, because the form itself is not.
    """
    carried: list[SlotSet] = []
    if domain.session.carry_over_slots:
        carried += [SlotSet(name=name, value=value) for name, value in tracker.base.values.items()]
        carried += [event for event in tracker.applied if isinstance(event, SlotSet)]
    return [
        SessionStarted(),
        *(SlotSet(name=event.name, value=event.value) for event in carried if event.name != REQUESTED_SLOT),
        ActionExecuted(name=LISTEN),
    ]
