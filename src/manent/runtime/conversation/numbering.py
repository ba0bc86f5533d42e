"""The numbers of one append: which `seq` each event gets, how it shows to the visitor, which message it accepts.

Called by `Record.append`; decides, and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from manent.core.conversation_log import Divider, Head, LogEntry, View
from manent.core.events import BotUttered, Event, Restarted, SessionStarted, UserUttered
from manent.core.tracker import Tracker
from manent.runtime import visitor_messages
from manent.runtime.conversation.ticket import Ticket

_TELLING = frozenset((BotUttered, Restarted, SessionStarted, UserUttered))
"""Kinds of events that show, or that change how others do; most events of a turn are of neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Events that are copied from another conversation.

    Attributes:
        shown: how each of them showed there.
        message_id: used up with them, so that the same copy is not made twice.
    """

    shown: Sequence[View | None]
    message_id: str


class Numbering:
    """Goes through the events of one append in order.

    Args:
        head: what they are appended to.
        tracker: has taken them in already.
        ticket: the message that the first user event among them is, unless it was accepted before.

    Attributes:
        heard: number of the event that is the ticket's message; None when none of them is.
    """

    __slots__ = ("_divider", "_seq", "_session_seq", "_ticket", "_tracker", "_visible", "heard")

    def __init__(self, head: Head, tracker: Tracker, ticket: Ticket | None = None) -> None:
        self._seq = head.version
        self._visible = head.visible
        self._divider: Divider | None = head.divider
        self._session_seq = head.session_seq
        self._tracker = tracker
        self._ticket = ticket if ticket is not None and not ticket.accepted.done() else None
        self.heard: int | None = None

    def entries(self, events: Sequence[Event], copied: Copied | None = None) -> tuple[LogEntry, ...]:
        """Number events; `copied`: where they come from, with how they showed there."""
        if copied is None:
            return tuple([self._entry(event) for event in events])
        return tuple([self._copy(event, before) for event, before in zip(events, copied.shown, strict=True)])

    def head_after(self, head: Head, **changes: Any) -> Head:
        """Return the head with what the events, and these further changes, make of it."""
        return replace(
            head,
            version=self._seq,
            visible=self._visible,
            divider=self._divider,
            session_seq=self._session_seq,
            **changes,
        )

    def _entry(self, event: Event) -> LogEntry:
        self._seq += 1
        if type(event) not in _TELLING:
            return LogEntry(seq=self._seq, event=event)
        return LogEntry(seq=self._seq, event=event, view=self._view(event))

    def _copy(self, event: Event, before: View | None) -> LogEntry:
        """Number an event that showed elsewhere: a visitor's words, which no ticket vouches for here, show again."""
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
            case _:
                pass
        return None

    def _user(self, event: UserUttered) -> View | None:
        ticket = self._ticket
        if ticket is None:
            return None
        if self.heard is not None:
            return None  # repeated by the dialogue, not by the visitor
        self.heard = self._seq
        if ticket.message.external:
            return None
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
