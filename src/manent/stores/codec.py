"""Encodes events for the SQL stores, and decodes rows in the current format and in older ones.

Each stored event records the format in which it was written. Reading converts older formats step by step (`UPCASTS`),
so old logs remain readable without rewriting rows. The stores call this. It does no I/O.
"""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from manent.core.conversation_log import Append, Divider, LogEntry, View
from manent.core.errors import InternalError, StoreError
from manent.core.events import Event, Json, decode_event, encode_event

FORMAT = 1
"""The format in which events are written."""

UPCASTS: Mapping[int, Callable[[Json], Json]] = {}
"""Converts event JSON from each older format to the next one. Format 1 is the first."""


def check_append(append: Append) -> None:
    """Check that an append's entries are numbered from its expected version up to its head's version.

    Raises:
        InternalError: `bad_append`: the numbers are wrong.
    """
    numbers = [entry.seq for entry in append.entries]
    if numbers != list(range(append.expected_version + 1, append.head.version + 1)):
        raise InternalError(
            "bad_append", f"entries {numbers} are not numbered {append.expected_version + 1} to {append.head.version}"
        )


def entry_to_row(entry: LogEntry) -> tuple[int, int, int | None, Divider | None, str | None, bytes]:
    """Return `(seq, format, prev, divider, title, data)`. `prev` is None for internal events."""
    view = entry.view
    if view is None:
        return (entry.seq, FORMAT, None, None, None, encode_event(entry.event))
    return (entry.seq, FORMAT, view.prev, view.divider, view.title, encode_event(entry.event))


def row_to_entry(row: tuple[int, int, int | None, str | None, str | None, bytes]) -> LogEntry:
    """Decode a row that this or an older version of `entry_to_row` returned.

    Raises:
        StoreError: `store_event_unreadable`: the row is damaged or was written by a newer version.
    """
    seq, written_as, prev, divider, title, data = row
    view = None if prev is None else View(prev=prev, divider=cast("Divider | None", divider), title=title)
    return LogEntry(seq=seq, event=read_event(data, written_as), view=view)


def read_event(data: bytes, written_as: int = FORMAT) -> Event:
    """Decode a stored event.

    Raises:
        StoreError: `store_event_unreadable`: the bytes are damaged or were written by a newer version.
    """
    try:
        return decode_event(current_json(data, written_as))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError("store_event_unreadable", f"a stored event cannot be read: {error}") from error


def current_json(data: bytes, written_as: int) -> bytes:
    """Convert a stored event's JSON to the current format.

    Raises:
        StoreError: `store_event_unreadable`: the format is newer, or cannot be converted.
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
        "store_event_unreadable", f"a stored event has format {written_as}; this version supports up to {FORMAT}"
    )
