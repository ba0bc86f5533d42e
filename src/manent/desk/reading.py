"""Computes what the events of a log change in the tables of the desk: list, search, numbers and feed. No I/O.

`reader.py` reads the events and writes the result. `advance` is called with each event of a log once, in order.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec.structs import replace

from manent.core import handler
from manent.core.conversation_log import Handling, Head, LogEntry
from manent.core.events import (
    ActionExecuted,
    ActiveLoop,
    AgentUttered,
    BotUttered,
    HandoffRequested,
    Json,
    Labelled,
    Note,
    OperatorJoined,
    OperatorLeft,
    Rated,
    SlotSet,
    UserUttered,
)
from manent.runtime.ports.desk import Count, FeedRow, LastMessage, ListRow, MessageText, Read, Visit

PREVIEW: Final = 160
"""Maximum number of characters of the texts in the list."""

MAX_TEXT: Final = 4_000
"""Maximum number of characters of a text in the search."""

DAY_S: Final = 86_400
LATE_S: Final = 300.0
"""Events that are older when they are read do not become news: they were stored before the desk was configured."""

STEP: Final = 1.1
"""Ratio of the limits of two neighbouring classes of a histogram of durations."""

FALLBACK_INTENT: Final = "nlu_fallback"
FALLBACK_ACTIONS: Final = ("action_default_fallback", "action_two_stage_fallback")
REQUESTED_SLOT: Final = "requested_slot"


def duration_class(seconds: float) -> int:
    """Return the number of the class of a duration in a histogram."""
    return math.ceil(math.log(max(seconds, 0.0) + 1.0) / math.log(STEP))


def class_duration(number: int) -> float:
    """Return the duration in the middle of a class, in seconds."""
    return 0.0 if number <= 0 else float(STEP ** (number - 0.5) - 1.0)


def advance(head: Head, before: ListRow | None, entries: Sequence[LogEntry], *, now: float) -> Read:
    """Return the changes that the next events of a log make.

    Args:
        head: head of the log, which has the epoch of `entries`.
        before: the row after the events that were read. None, or another epoch: nothing of this log was read.
        entries: the next events. Not empty.
        now: the time, in seconds since the epoch.
    """
    is_new = before is None or before.epoch != head.epoch
    start = ListRow(sender_id=head.sender_id, epoch=head.epoch) if is_new or before is None else before
    reading = _Reading(head, start)
    for entry in entries:
        reading.add(entry)
    row = reading.finish(entries[-1].seq)
    return Read(
        sender_id=head.sender_id,
        before=None if before is None else (before.epoch, before.seq),
        row=row,
        texts=tuple(reading.texts),
        counts=tuple(reading.counts),
        visits=tuple(reading.visits),
        feed=_news(start, row, reading, now) if now - row.updated < LATE_S else (),
    )


def vanished(sender_id: str, before: tuple[str, int], *, now: float) -> Read:
    """Return the change for a conversation that was erased."""
    return Read(
        sender_id=sender_id, before=before, row=None, feed=(FeedRow(kind="gone", time=now, sender_id=sender_id),)
    )


def is_shown(entry: LogEntry) -> bool:
    """Return whether the desk shows an event in the conversation: messages, notes, and events of the desk."""
    return entry.view is not None or isinstance(
        entry.event, Note | HandoffRequested | OperatorJoined | OperatorLeft | Labelled | Rated
    )


def _news(start: ListRow, row: ListRow, reading: "_Reading", now: float) -> tuple[FeedRow, ...]:
    news: list[FeedRow] = []
    if reading.shown:
        news.append(
            FeedRow(
                kind="message",
                time=now,
                sender_id=row.sender_id,
                first=reading.shown[0],
                last=reading.shown[-1],
            )
        )
    if start.handling != row.handling or start.labels != row.labels:
        data: Json = {"from": start.handling.handler, "to": row.handling.handler, **reading.request}
        news.append(FeedRow(kind="conversation", time=now, sender_id=row.sender_id, last=row.seq, data=data))
    return tuple(news)


class _Reading:
    """The changes while events are read one after another."""

    def __init__(self, head: Head, row: ListRow) -> None:
        self.texts: list[MessageText] = []
        self.counts: list[Count] = []
        self.visits: list[Visit] = []
        self.shown: list[int] = []
        self.request: Json = {}
        self._head = head
        self._row = row
        self._state: Json = dict(row.state)
        self._labels = set(row.labels)
        self._handling: Handling = row.handling
        self._day = 0

    def finish(self, seq: int) -> ListRow:
        """Return the row after the last event."""
        return replace(
            self._row, seq=seq, handling=self._handling, labels=tuple(sorted(self._labels)), state=self._state
        )

    def add(self, entry: LogEntry) -> None:
        """Read the next event."""
        event, time = entry.event, entry.event.timestamp or self._head.updated
        self._day = int(time // DAY_S) * DAY_S
        if not self._row.started:
            self._row = replace(self._row, started=time, updated=time)
        match event:
            case UserUttered() if entry.view is not None:
                self._add_user(entry.seq, event, time, entry.view.title)
            case BotUttered() if entry.view is not None:
                self._count("messages", "bot")
                self._say("bot", entry.seq, event.text, time)
            case AgentUttered() if entry.view is not None:
                self._count("messages", "agent")
                self._end_duration("response", "asked", time)
                self._say("agent", entry.seq, event.text, time)
            case Note():
                self.texts.append(MessageText(seq=entry.seq, role="note", time=time, text=event.text[:MAX_TEXT]))
            case HandoffRequested() | OperatorJoined() | OperatorLeft():
                self._add_handling(entry.seq, event, time)
            case Labelled():
                self._labels = (self._labels | set(event.add)) - set(event.remove)
            case Rated():
                self._count("ratings" if event.of is None else "message_ratings", str(event.score))
            case ActionExecuted():
                self._add_action(event)
            case ActiveLoop():
                self._leave_slot(None)
                self._set("form", event.name)
            case SlotSet() if event.name == REQUESTED_SLOT:
                self._leave_slot(event.value if isinstance(event.value, str) else None)
            case _:
                pass
        if is_shown(entry):
            self.shown.append(entry.seq)

    def _add_user(self, seq: int, event: UserUttered, time: float, title: str | None) -> None:
        self._handling = handler.reopened(self._handling)
        self._count("messages", "user")
        if self._state.get("day") != self._day:
            self._state["day"] = self._day
            self._count("conversations")
            if self._handling.handler != "bot":
                self._count_handed()
        who = self._head.owner or self._head.sender_id
        self.visits.append(Visit(day=self._day, visitor=hashlib.sha256(who.encode()).hexdigest()))
        if event.intent:
            self._count("intents", event.intent)
        self._state.pop("fell", None)
        if event.intent == FALLBACK_INTENT:
            self._count_fallback()
        if self._handling.handler == "human" and "asked" not in self._state:
            self._state["asked"] = time
        text = event.text or ""
        shown = title or text
        is_payload = text.startswith("/")
        self._row = replace(
            self._row,
            users=self._row.users + 1,
            preview=_shortened(shown),
            channel=event.input_channel or self._row.channel,
        )
        self._row = replace(
            self._row, updated=time, last=LastMessage(role="user", text=_shortened(shown), timestamp=time)
        )
        if not is_payload or title is not None:
            self.texts.append(
                MessageText(
                    seq=seq,
                    role="user",
                    time=time,
                    text=shown[:MAX_TEXT],
                    intent=None if is_payload else event.intent,
                    confidence=confidence_of(event),
                    entities=tuple(entities_of(event)),
                )
            )

    def _say(self, role: Literal["bot", "agent"], seq: int, text: str | None, time: float) -> None:
        self._row = replace(
            self._row, updated=time, last=LastMessage(role=role, text=_shortened(text or ""), timestamp=time)
        )
        if text:
            self.texts.append(MessageText(seq=seq, role=role, time=time, text=text[:MAX_TEXT]))

    def _add_handling(self, seq: int, event: HandoffRequested | OperatorJoined | OperatorLeft, time: float) -> None:
        before = self._handling
        self._handling = handler.after(before, event, seq)
        if self._handling == before:
            return
        self._row = replace(self._row, updated=time)
        if isinstance(event, HandoffRequested):
            self._count("handoffs")
            self.request = {"reason": event.reason, "priority": event.priority}
        if self._handling.handler == "queue":
            self._state["waiting"] = time
        elif self._handling.handler == "human":
            self._end_duration("waiting", "waiting", time)
        else:
            self._state.pop("waiting", None)
            self._state.pop("asked", None)
        if self._handling.handler != "bot" and self._state.get("day") == self._day:
            self._count_handed()

    def _add_action(self, event: ActionExecuted) -> None:
        if event.name in FALLBACK_ACTIONS:
            self._count_fallback()

    def _count_fallback(self) -> None:
        """Count a fallback, once for each message of the visitor."""
        if not self._state.get("fell"):
            self._state["fell"] = True
            self._count("fallbacks")
            self._row = replace(self._row, fallbacks=self._row.fallbacks + 1)

    def _count_handed(self) -> None:
        """Count a conversation that a person handled or was requested for, once a day."""
        if self._state.get("handed") != self._day:
            self._state["handed"] = self._day
            self._count("handed")

    def _leave_slot(self, following: str | None) -> None:
        """Count that a form asked for another slot, and that the slot before was answered."""
        form, slot = self._state.get("form"), self._state.get("slot")
        if form and slot and slot != following:
            self._count("form_answered", f"{form}\n{slot}")
        if form and following and slot != following:
            self._count("form_asked", f"{form}\n{following}")
        self._set("slot", following)

    def _end_duration(self, name: str, since: str, time: float) -> None:
        began = self._state.pop(since, None)
        if began is not None:
            self._count(name, str(duration_class(time - began)))

    def _set(self, key: str, value: Any) -> None:
        if value is None:
            self._state.pop(key, None)
        else:
            self._state[key] = value

    def _count(self, name: str, key: str = "") -> None:
        self.counts.append(Count(day=self._day, name=name, key=key))


def confidence_of(event: UserUttered) -> float:
    """Return the confidence of the recognised intent, or 0."""
    found = event.parse_data.get("intent")
    confidence = found.get("confidence") if isinstance(found, dict) else None
    return float(confidence) if isinstance(confidence, int | float) else 0.0


def entities_of(event: UserUttered) -> list[Json]:
    """Return the recognised entities with the keys that the review shows."""
    keys = ("entity", "start", "end", "value", "role", "group")
    return [{key: one[key] for key in keys if one.get(key) is not None} for one in event.entities]


def _shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= PREVIEW else plain[: PREVIEW - 1] + "…"
