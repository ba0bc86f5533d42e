"""`manent conversations list|show|export|erase`: look into the store, with or without a server running beside it."""

import secrets
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from manent.cli.options import Endpoints
from manent.cli.project_store import with_store
from manent.core.errors import StoreError
from manent.core.events import BotUttered, UserUttered, event_to_wire
from manent.core.log import Head, LogEntry
from manent.runtime.ports import ConversationStore

PAGE = 500
"""Conversations or events asked for at once."""

SenderId = Annotated[str, typer.Argument(metavar="SENDER_ID")]


def list_conversations(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 1000,
    endpoints: Endpoints = None,
) -> None:
    """List conversations: when each began and last moved, how many events it has, and its `sender_id`."""

    async def work(store: ConversationStore) -> None:
        count = 0
        async for head in _heads(store):
            if count == limit:
                print(f"More than {limit}; --limit shows more.", file=sys.stderr)
                return
            print(f"{_moment(head.started)}  {_moment(head.updated)}  {head.version:>7}  {head.sender_id}")
            count += 1

    with_store(endpoints, work)


def show_conversation(sender_id: SenderId, *, endpoints: Endpoints = None) -> None:
    """Print what was said in a conversation."""

    async def work(store: ConversationStore) -> None:
        await _existing(store, sender_id)
        async for entry in _entries(store, sender_id):
            _print_words(entry)

    with_store(endpoints, work)


def export_conversations(
    sender_ids: Annotated[list[str] | None, typer.Argument(metavar="[SENDER_ID...]")] = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A file instead of the terminal.")] = None,
    endpoints: Endpoints = None,
) -> None:
    """Write the events of some or all conversations: one JSON object a line, each with its `sender_id` and `seq`."""

    async def work(store: ConversationStore) -> None:
        for sender_id in sender_ids or ():
            await _existing(store, sender_id)
        wanted = sender_ids or [head.sender_id async for head in _heads(store)]
        target = out.open("wb") if out is not None else sys.stdout.buffer
        try:
            for sender_id in wanted:
                async for entry in _entries(store, sender_id):
                    line = {"sender_id": sender_id, "seq": entry.seq, **event_to_wire(entry.event)}
                    target.write(msgspec.json.encode(line) + b"\n")
        finally:
            target.flush()
            if out is not None:
                target.close()

    with_store(endpoints, work)


def erase_conversation(
    sender_id: SenderId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    endpoints: Endpoints = None,
) -> None:
    """Remove a conversation with everything that is kept of it."""
    if not yes:
        typer.confirm(f"Remove {sender_id} for good?", abort=True)

    async def work(store: ConversationStore) -> None:
        await _existing(store, sender_id)
        # A new epoch tells pages that still show it that this is another conversation.
        await store.erase(sender_id, new_epoch=secrets.token_hex(8))
        print(f"Erased {sender_id}.")

    with_store(endpoints, work)


async def _heads(store: ConversationStore) -> AsyncIterator[Head]:
    after: str | None = None
    while heads := await store.conversations(after=after, limit=PAGE):
        for head in heads:
            if head.version > 0:  # what an erase leaves has none
                yield head
        after = heads[-1].sender_id


async def _entries(store: ConversationStore, sender_id: str) -> AsyncIterator[LogEntry]:
    after = 0
    while entries := await store.entries(sender_id, after=after, limit=PAGE):
        for entry in entries:
            yield entry
        after = entries[-1].seq


async def _existing(store: ConversationStore, sender_id: str) -> Head:
    head = await store.head(sender_id)
    if head is None:
        raise StoreError(
            "unknown_conversation", f"there is no conversation {sender_id!r} (`manent conversations list`)"
        )
    return head


def _print_words(entry: LogEntry) -> None:
    if entry.view is None:
        return
    if entry.view.divider is not None:
        print(f"--- {entry.view.divider} ---")
    event = entry.event
    when = _moment(event.timestamp or 0.0)
    if isinstance(event, UserUttered):
        print(f"{when}  visitor  {entry.view.title or event.text}")
    elif isinstance(event, BotUttered):
        others = ", ".join(key for key, value in event.data.items() if value)
        print(f"{when}  bot      {event.text or ''}{f' [{others}]' if others else ''}")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
