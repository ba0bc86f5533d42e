"""The stored form of events, shared by the stores that write bytes: which format a row has, and how old ones are read.

Every stored event names the format it was written in. Reading lifts older formats step by step (`UPCASTS`), so that
rows are never rewritten and a log of any age replays. Stores call this; it does no I/O.
"""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from manent.core.conversation_log import Append, Divider, LogEntry, View
from manent.core.errors import InternalError, StoreError
from manent.core.events import Event, Json, decode_event, encode_event, event_from_wire

FORMAT = 1
"""The format that events are written in."""

UPCASTS: Mapping[int, Callable[[Json], Json]] = {}
"""From each older format to the next one: event JSON in, event JSON out. Format 1 is the first."""


def check_append(append: Append) -> None:
    """Refuse an append whose numbers contradict each other.

    Raises:
        InternalError: `bad_append`; the entries do not lead from the expected version to the head's.
    """
    numbers = [entry.seq for entry in append.entries]
    if numbers != list(range(append.expected_version + 1, append.head.version + 1)):
        raise InternalError(
            "bad_append", f"entries {numbers} do not lead from {append.expected_version} to {append.head.version}"
        )


def entry_to_row(entry: LogEntry) -> tuple[int, int, int | None, Divider | None, str | None, bytes]:
    """Return `(seq, format, prev, divider, title, data)`; `prev` is None for internal events."""
    view = entry.view
    if view is None:
        return (entry.seq, FORMAT, None, None, None, encode_event(entry.event))
    return (entry.seq, FORMAT, view.prev, view.divider, view.title, encode_event(entry.event))


def row_to_entry(row: tuple[int, int, int | None, str | None, str | None, bytes]) -> LogEntry:
    """Read what `entry_to_row` made, in whatever format it was written.

    Raises:
        StoreError: `store_event_unreadable`; the row is damaged or from a newer version of the product.
    """
    seq, written_as, prev, divider, title, data = row
    view = None if prev is None else View(prev=prev, divider=cast("Divider | None", divider), title=title)
    return LogEntry(seq=seq, event=read_event(data, written_as), view=view)


def read_event(data: bytes, written_as: int = FORMAT) -> Event:
    """Read a stored event.

    Raises:
        StoreError: `store_event_unreadable`; the bytes are damaged or from a newer version of the product.
    """
    try:
        if written_as == FORMAT:
            return decode_event(data)
        return event_from_wire(msgspec.json.decode(current_json(data, written_as)))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError("store_event_unreadable", f"a stored event cannot be read: {error}") from error


def current_json(data: bytes, written_as: int) -> bytes:
    """Return a stored event's JSON as today's format has it.

    Raises:
        StoreError: `store_event_unreadable`; no way leads from that format to today's.
    """
    if written_as == FORMAT:
        return data
    wire: Json = msgspec.json.decode(data)
    for step in range(written_as, FORMAT):
        if step not in UPCASTS:
            break
        wire = UPCASTS[step](wire)
    else:
        if written_as < FORMAT:
            return msgspec.json.encode(wire)
    raise StoreError(
        "store_event_unreadable", f"a stored event has format {written_as}; this version reads up to {FORMAT}"
    )
