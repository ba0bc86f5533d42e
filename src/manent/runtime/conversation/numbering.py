"""Numbers the events of one append.

Numbering determines the `seq` of each event, and whether and how the visitor sees the event. `Record.append` calls it.
It does no I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from manent.core import handler
from manent.core.conversation_log import Divider, Head, LogEntry, View
from manent.core.events import (
    AgentUttered,
    BotUttered,
    Event,
    HandoffRequested,
    OperatorJoined,
    OperatorLeft,
    Restarted,
    SessionStarted,
    UserUttered,
)
from manent.core.tracker import Tracker
from manent.runtime import visitor_messages
from manent.runtime.conversation.ticket import Ticket

_RELEVANT = frozenset(
    (
        AgentUttered,
        BotUttered,
        HandoffRequested,
        OperatorJoined,
        OperatorLeft,
        Restarted,
        SessionStarted,
        UserUttered,
    )
)
"""Event types that visitors see, that add a dividing line, or that change who handles the conversation.

Most events of a turn have other types and need no further checks.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Describes events that are copied from another conversation.

    Attributes:
        shown: the view of each event in that conversation.
        message_id: message id that the append also accepts, which prevents a second copy of the events.
    """

    shown: Sequence[View | None]
    message_id: str


class Numbering:
    """Numbers the events of one append, in order.

    Args:
        head: head of the log before the append.
        tracker: tracker that already contains the events.
        ticket: the message of the first user event. The ticket is ignored if its message was already accepted.

    Attributes:
        message_seq: `seq` of the ticket's message. None if the append does not contain the message.
    """

    __slots__ = ("_divider", "_handling", "_seq", "_session_seq", "_ticket", "_tracker", "_visible", "message_seq")

    def __init__(self, head: Head, tracker: Tracker, ticket: Ticket | None = None) -> None:
        self._seq = head.version
        self._visible = head.visible
        self._divider: Divider | None = head.divider
        self._session_seq = head.session_seq
        self._handling = head.handling
        self._tracker = tracker
        self._ticket = ticket if ticket is not None and not ticket.accepted.done() else None
        self.message_seq: int | None = None

    def entries(self, events: Sequence[Event], copied: Copied | None = None) -> tuple[LogEntry, ...]:
        """Return numbered entries. `copied` is set if the events were copied from another conversation."""
        if copied is None:
            return tuple([self._entry(event) for event in events])
        return tuple([self._copy(event, before) for event, before in zip(events, copied.shown, strict=True)])

    def head_after(self, head: Head, **changes: Any) -> Head:
        """Return the head after the append, with the given changes."""
        return replace(
            head,
            version=self._seq,
            visible=self._visible,
            divider=self._divider,
            session_seq=self._session_seq,
            handling=self._handling,
            **changes,
        )

    def _entry(self, event: Event) -> LogEntry:
        self._seq += 1
        if type(event) not in _RELEVANT:
            return LogEntry(seq=self._seq, event=event)
        return LogEntry(seq=self._seq, event=event, view=self._view(event))

    def _copy(self, event: Event, before: View | None) -> LogEntry:
        """Number a copied event.

        The visitor's copied messages have no ticket, so the new log shows those that the original log showed.
        """
        entry = self._entry(event)
        return replace(entry, view=self._show(before.title)) if before and not entry.view else entry

    def _view(self, event: Event) -> View | None:
        match event:
            case UserUttered():
                return self._user(event)
            case BotUttered():
                return self._show() if visitor_messages.is_visible(event) else None
            case SessionStarted():
                self._session_seq = self._seq
                if self._visible and self._divider is None:
                    self._divider = "session"
            case Restarted():
                if self._visible:
                    self._divider = "restart"
            case AgentUttered():
                return self._show() if visitor_messages.is_visible(event) else None
            case _:
                self._handling = handler.after(self._handling, event, self._seq)
        return None

    def _user(self, event: UserUttered) -> View | None:
        ticket = self._ticket
        if ticket is None:
            return None
        if self.message_seq is not None:
            return None  # the dialogue appends the message again, but the visitor sent it only once
        self.message_seq = self._seq
        if ticket.message.external:
            return None
        self._handling = handler.reopened(self._handling)
        title = ticket.message.title
        if title is None:
            before = iter(reversed(self._tracker.applied))
            for earlier in before:
                if earlier is event:
                    break
            title = visitor_messages.title_of(ticket.message.text, before)
        return self._show(title)

    def _show(self, title: str | None = None) -> View:
        shown = View(prev=self._visible, divider=self._divider, title=title)
        self._visible = self._seq
        self._divider = None
        return shown
