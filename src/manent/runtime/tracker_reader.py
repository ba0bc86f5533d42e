"""Reads trackers from the store for the HTTP API and exports.

Reading does not wait for running turns. A tracker contains only committed events, without uncommitted events of a
running turn.
"""

import enum
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from manent.core.conversation_log import Head, LogEntry
from manent.core.domain import Domain
from manent.core.events import ActionExecuted, Event, Json, Restarted, outside_events
from manent.core.tracker import State, Tracker, WindowExceeded
from manent.dialogue.session import session_start_events
from manent.runtime.assistant import Assistant
from manent.runtime.ports.store import ConversationStore


class Verbosity(enum.Enum):
    """Selects the events that are returned with a tracker."""

    NONE = "none"
    APPLIED = "applied"
    AFTER_RESTART = "after_restart"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A tracker and its events. `events` is None if the caller requested no events."""

    tracker: Tracker
    events: Sequence[Event] | None


async def read(
    store: ConversationStore,
    assistant: Assistant,
    sender_id: str,
    *,
    verbosity: Verbosity = Verbosity.NONE,
    until: float | None = None,
) -> Reading | None:
    """Return the tracker of a conversation, or None if the conversation does not exist.

    The tracker of an empty conversation contains the session start that the first message will append. This event is
    not stored.

    Args:
        store: contains the log.
        assistant: provides the domain.
        sender_id: key of the conversation.
        verbosity: which events to return.
        until: latest timestamp of the returned events (seconds since the epoch). None means all events.
    """
    head = await store.head(sender_id)
    if head is None:
        return None
    if until is not None:
        entries = [entry for entry in await store.entries(sender_id, limit=head.version) if _at(entry) <= until]
        tracker = fold(sender_id, assistant.domain, (entry.event for entry in entries))
        return _show(tracker, assistant, entries, verbosity)
    tracker = await read_tracker(store, head, assistant.domain)
    start = max(0, head.session_seq - 1) if verbosity is Verbosity.APPLIED else 0
    entries = []
    if verbosity is not Verbosity.NONE:
        entries = await store.entries(sender_id, after=start, limit=max(0, tracker.version - start))
    return _show(tracker, assistant, entries, verbosity)


async def read_tracker(store: ConversationStore, head: Head, domain: Domain) -> Tracker:
    """Return the current tracker, replayed from the newest snapshot that is old enough."""
    before: int | None = None
    while True:
        loaded = await store.load(head.sender_id, before=before)
        if loaded is None:  # the conversation was erased after the head was read
            return new_tracker(head.sender_id, domain)
        if loaded.snapshot is None:
            return fold(head.sender_id, domain, (entry.event for entry in loaded.entries))
        tracker = Tracker.load(head.sender_id, domain, loaded.snapshot.data)
        try:
            for entry in loaded.entries:
                tracker.update(entry.event)
        except WindowExceeded:
            before = loaded.snapshot.version
        else:
            return tracker


def new_tracker(sender_id: str, domain: Domain) -> Tracker:
    """Return the tracker of an empty log: the bot listens."""
    return Tracker(
        sender_id=sender_id,
        domain=domain,
        base=State(followup_action="action_listen"),
        state=State(followup_action="action_listen"),
    )


def fold(sender_id: str, domain: Domain, events: Iterable[Event]) -> Tracker:
    """Return the tracker after these events."""
    tracker = new_tracker(sender_id, domain)
    for event in events:
        tracker.update(event)
    return tracker


def begin_session(tracker: Tracker, stamp: Json) -> list[Event]:
    """Start the first session of an empty tracker. Return the events."""
    now = time.time()
    events: list[Event] = [
        ActionExecuted(name="action_session_start", confidence=1.0),
        *session_start_events(tracker, tracker.domain),
    ]
    events = [msgspec.structs.replace(event, timestamp=now, metadata=dict(stamp)) for event in events]
    for event in events:
        tracker.update(event)
    return events


def _show(tracker: Tracker, assistant: Assistant, entries: Sequence[LogEntry], verbosity: Verbosity) -> Reading:
    events: list[Event] = [entry.event for entry in entries]
    if tracker.version == 0:
        events = begin_session(tracker, assistant.stamp)
    match verbosity:
        case Verbosity.NONE:
            return Reading(tracker=tracker, events=None)
        case Verbosity.APPLIED:
            applied = fold(tracker.sender_id, tracker.domain, events).applied
            return Reading(tracker=tracker, events=outside_events(applied))
        case Verbosity.AFTER_RESTART:
            return Reading(tracker=tracker, events=outside_events(_after_restart(events)))
        case Verbosity.ALL:
            return Reading(tracker=tracker, events=outside_events(events))


def _after_restart(events: Sequence[Event]) -> Sequence[Event]:
    for index in range(len(events) - 1, -1, -1):
        if isinstance(events[index], Restarted):
            return events[index + 1 :]
    return events


def _at(entry: LogEntry) -> float:
    return entry.event.timestamp or 0.0
