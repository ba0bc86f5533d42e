"""Exports a conversation as JSON or as a readable transcript.

`manent conversations export` and `GET /conversations/<id>/export` write the export in pieces, so their memory use does
not depend on the log's length. It only reads.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from manent.core.conversation_log import Head, LogEntry
from manent.core.events import AllSlotsReset, Json, Restarted, SessionStarted, SlotSet, event_to_wire, outside
from manent.runtime.ports.store import ConversationStore
from manent.runtime.visitor_messages import messages_of

Format = Literal["json", "transcript"]

_UNPRINTABLE = dict.fromkeys((*range(32), *range(127, 160)), "�") | {ord("\t"): " "}
"""Control characters. Control characters could move the cursor of a terminal that shows the transcript."""

PAGE = 500
"""Number of entries per read."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


async def entries_of(store: ConversationStore, sender_id: str) -> AsyncIterator[LogEntry]:
    """Yield the entries of a log, reading them in pages."""
    after = 0
    while entries := await store.entries(sender_id, after=after, limit=PAGE):
        for entry in entries:
            yield entry
        after = entries[-1].seq


async def pieces(store: ConversationStore, head: Head, form: Format) -> AsyncIterator[bytes]:
    """Yield one conversation in the given format, as UTF-8."""
    writing = _json(store, head) if form == "json" else _transcript(store, head)
    async for piece in writing:
        yield piece


async def _json(store: ConversationStore, head: Head) -> AsyncIterator[bytes]:
    """Yield `{sender_id, owner, started, updated, events: [event with seq and title], slots: {name: value}}`."""
    about = {"sender_id": head.sender_id, "owner": head.owner, "started": head.started, "updated": head.updated}
    yield _encode(about)[:-1] + b',"events":['
    slots: Json = {}
    between = b"\n"
    async for entry in entries_of(store, head.sender_id):
        _remember(slots, entry)
        shown = outside(entry.event)
        if shown is None:
            continue
        wire: Json = {"seq": entry.seq, **event_to_wire(shown)}
        if entry.view is not None and entry.view.title is not None:
            wire["title"] = entry.view.title
        yield between + _encode(wire)
        between = b",\n"
    yield b'],\n"slots":' + _encode(slots) + b"}\n"


async def _transcript(store: ConversationStore, head: Head) -> AsyncIterator[bytes]:
    """Yield one line per message with time and sender, then the values of the slots."""
    yield f"Conversation {printable(head.sender_id)}, {moment(head.started)} to {moment(head.updated)} UTC\n\n".encode()
    slots: Json = {}
    async for entry in entries_of(store, head.sender_id):
        _remember(slots, entry)
        for line in transcript_lines(entry):
            yield line.encode(errors="replace") + b"\n"
    known = {name: value for name, value in slots.items() if value is not None}
    if known:
        yield b"\nRemembered:\n"
    for name, value in known.items():
        shown = value if isinstance(value, str) else _encode(value).decode()
        yield f"  {name}: {printable(shown)}\n".encode(errors="replace")


def transcript_lines(entry: LogEntry) -> Iterator[str]:
    """Yield the lines of the transcript for an entry. An internal entry has no lines."""
    if entry.view is None:
        return
    for message in messages_of(entry):
        if "divider" in message:
            yield f"--- {message['divider']} ---"
        who = "visitor" if message["role"] == "user" else "bot    "
        for line in _shown(message).splitlines() or [""]:
            yield f"{moment(message['timestamp'] or 0.0)}  {who}  {printable(line)}"


def printable(text: str) -> str:
    """Return the text as one line without control characters."""
    return text.translate(_UNPRINTABLE)


def moment(seconds: float) -> str:
    """Return a time in UTC as `YYYY-MM-DD hh:mm:ss`, or the number if the calendar does not contain the time.

    Clients can send such a time with an event, for example in milliseconds.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"


def _shown(message: Json) -> str:
    said = message.get("title") or message.get("message") or message.get("text") or ""
    replies = "".join(f" [{reply['title']}]" for reply in message.get("quick_replies", ()))
    replies += "".join(
        f" [{file['name']}, {file['mime']}, {file['size']} B]" for file in message.get("attachments", ())
    )
    other: Any = message.get("attachment") or message.get("custom")
    return f"{said}{replies}" if other is None else f"{said}{replies}{_encode(other).decode()}"


def _remember(slots: Json, entry: LogEntry) -> None:
    """Update the slots. A session start clears the slots, and later events set the carried-over slots again."""
    match entry.event:
        case SlotSet(name=name, value=value):
            slots[name] = value
        case Restarted() | SessionStarted() | AllSlotsReset():
            slots.clear()
