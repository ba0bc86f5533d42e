"""The JSON of the desk's API: heads, rows of the list, and messages. No I/O."""

from collections.abc import Iterable
from typing import Any

import msgspec

from manent.core.conversation_log import Head, LogEntry
from manent.core.events import (
    HandoffRequested,
    Json,
    Labelled,
    Note,
    Operator,
    OperatorJoined,
    OperatorLeft,
    Rated,
    UserUttered,
    event_to_wire,
)
from manent.desk.reading import confidence_of, entities_of, is_shown
from manent.runtime.ports.desk import ListPage, ListRow
from manent.runtime.visitor_messages import Link, messages_of


def head_json(head: Head) -> Json:
    """Return a head as all answers contain it."""
    handling = head.handling
    return {
        "sender_id": head.sender_id,
        "epoch": head.epoch,
        "seq": head.version,
        "handler": handling.handler,
    } | _given(
        operator=_operator(handling.operator), waiting_since=handling.waiting_since, closed_at=handling.closed_at
    )


def row_json(row: ListRow, unread: int | None = None) -> Json:
    """Return a conversation of the list. Without `unread`, the row is the same for all operators."""
    handling = row.handling
    return {
        "sender_id": row.sender_id,
        "seq": row.seq,
        "handler": handling.handler,
        "last": None if row.last is None else msgspec.to_builtins(row.last),
        "labels": list(row.labels),
        "channel": row.channel,
        "preview": row.preview,
        "fallback_rate": round(min(1.0, row.fallbacks / row.users), 4) if row.users else 0.0,
        "updated": row.updated,
    } | _given(
        unread=unread,
        operator=_operator(handling.operator),
        waiting_since=handling.waiting_since,
        closed_at=handling.closed_at,
    )


def page_json(page: ListPage) -> Json:
    """Return a page of the list. `next` is opaque: a client sends it as `after`."""
    return {
        "conversations": [row_json(row, page.unread.get(row.sender_id, 0)) for row in page.rows],
    } | _given(next=None if page.next is None else msgspec.json.encode(page.next).hex())


def read_cursor(text: str) -> tuple[float, str] | None:
    """Return the value of `after` in a request. None: it is not one."""
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=tuple[float, str])
    except (ValueError, msgspec.MsgspecError):
        return None


def messages_json(entries: Iterable[LogEntry], link: Link | None = None) -> list[Json]:
    """Return what the desk shows of entries, in order: messages, notes and events of the desk."""
    return [message for entry in entries if is_shown(entry) for message in _messages(entry, link)]


def _messages(entry: LogEntry, link: Link | None) -> list[Json]:
    event = entry.event
    if entry.view is not None:
        shown = messages_of(entry, link=link, names_operators=True)
        if isinstance(event, UserUttered):
            details = _given(
                intent=event.intent, confidence=confidence_of(event) or None, entities=entities_of(event) or None
            )
            return [{**one, **details} for one in shown]
        return shown
    about: Json = {"seq": entry.seq, "id": f"{entry.seq}.0", "parts": 1, "timestamp": event.timestamp}
    match event:
        case Note():
            return [{"role": "note", **about, "text": event.text, "operator": _operator(event.operator)}]
        case HandoffRequested() | OperatorJoined() | OperatorLeft() | Labelled() | Rated():
            wire = event_to_wire(event)
            kind = wire.pop("event")
            for key in ("timestamp", "metadata"):
                wire.pop(key, None)
            return [{"role": "event", **about, "event": kind, **wire}]
        case _:
            return []


def _operator(operator: Operator | None) -> Json | None:
    found: Json | None = None if operator is None else msgspec.to_builtins(operator)
    return found


def _given(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}
