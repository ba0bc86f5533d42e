"""Defines the event that names the new conversation after a reset.

A reset on one server must also reach browser tabs that are connected to other servers. The server that resets appends
this event to the old log. The other servers find it there (`Feed.catch_up`) and notify their subscribers. The event is
internal: the visitor does not see it, and the dialogue ignores it.
"""

from dataclasses import dataclass

from manent.core.events import Event, StoryExported


@dataclass(frozen=True, slots=True)
class Successor:
    """The new conversation that replaces an old one after a reset.

    Attributes:
        session_id: its `sender_id`.
        epoch: its epoch.
        has_token: whether joining it requires a `session_token`. The log does not contain the token, because each
            server can compute it from the id.
    """

    session_id: str
    epoch: str
    has_token: bool


def successor_event(successor: Successor, timestamp: float) -> Event:
    """Return the event that names a successor."""
    value = [successor.session_id, successor.epoch, successor.has_token]
    return StoryExported(timestamp=timestamp, metadata={"manent_left_for": value})


def successor_of(event: Event) -> Successor | None:
    """Return the successor that an event names, or None for other events."""
    match event:
        case StoryExported(metadata={"manent_left_for": [str(session_id), str(epoch), bool(has_token)]}):
            return Successor(session_id, epoch, has_token)
    return None
