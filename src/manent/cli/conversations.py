"""`manent conversations list|show|export|erase`: work with stored conversations, even while a server is running."""

import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from manent.cli.broker_export import publish
from manent.cli.project_store import with_store
from manent.cli.shared_options import Credentials, Endpoints
from manent.core.conversation_log import Head
from manent.core.errors import StoreError
from manent.core.events import event_to_wire, outside
from manent.core.postbox import OPEN_CHANNELS
from manent.files.opening import open_files
from manent.project.settings.credentials import read_credentials
from manent.project.settings.locating import located
from manent.runtime.export import entries_of, moment, pieces, printable, transcript_lines
from manent.runtime.ports.store import ConversationStore

PAGE = 500
"""Number of conversations to read at the same time."""

MAX_OWNED = 100_000
"""Maximum number of conversations per owner."""

SenderId = Annotated[str, typer.Argument(metavar="SENDER_ID")]


def list_conversations(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Maximum number of conversations.")] = 1000,
    endpoints: Endpoints = None,
) -> None:
    """List conversations with the times of their first and last events, the number of events, and the sender id."""

    async def work(store: ConversationStore) -> None:
        count = 0
        async for head in _heads(store):
            if count == limit:
                print(
                    f"Only the first {limit} conversations are shown; use a higher --limit to see more.",
                    file=sys.stderr,
                )
                return
            print(f"{moment(head.started)}  {moment(head.updated)}  {head.version:>7}  {printable(head.sender_id)}")
            count += 1

    with_store(endpoints, work, must_exist=True)


def show_conversation(sender_id: SenderId, *, endpoints: Endpoints = None) -> None:
    """Print the messages of a conversation, and those that were not delivered or possibly delivered twice."""

    async def work(store: ConversationStore) -> None:
        await _existing(store, sender_id)
        async for entry in entries_of(store, sender_id):
            for line in transcript_lines(entry):
                print(line)
        for route in await store.routes([sender_id]):
            verb = "Sends messages over" if route.channel in OPEN_CHANNELS else "Belongs to"
            print(f"\n{verb} the channel {route.channel}: {printable(route.address)}")
        for one in await store.undelivered(sender_id):
            what = f"message {one.seq}, part {one.part + 1}"
            outcome = "sent again, can have arrived twice" if one.is_uncertain else "not delivered"
            print(f"{moment(one.time)}  {outcome}: {what}: {printable(one.reason)}")

    with_store(endpoints, work, must_exist=True)


def export_conversations(
    sender_ids: Annotated[list[str] | None, typer.Argument(metavar="[SENDER_ID...]")] = None,
    *,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="SUBJECT", help="Export all conversations of this signed-in visitor."),
    ] = None,
    form: Annotated[
        Literal["lines", "json", "transcript"],
        typer.Option(
            "--format",
            help="lines: one JSON event per line. json: all stored data. transcript: plain text.",
        ),
    ] = "lines",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of the terminal.")
    ] = None,
    to_broker: Annotated[
        bool, typer.Option("--to-broker", help="Publish the events to the event broker of endpoints.yml instead.")
    ] = False,
    endpoints: Endpoints = None,
) -> None:
    """Export the given conversations, or all conversations.

    Use the format `lines` for programs, and `json` or `transcript` for a visitor who requests a copy.
    """
    if to_broker and (out is not None or form != "lines"):
        raise typer.BadParameter("--to-broker cannot be combined with --out or --format")

    async def work(store: ConversationStore) -> None:
        given = [await _existing(store, sender_id) for sender_id in sender_ids or ()]
        wanted = _wanted(store, given, owner)
        if to_broker:
            events, conversations = await publish(store, wanted, endpoints)
            print(f"Published {events} events of {conversations} conversations.")
            return
        target = out.open("wb") if out is not None else sys.stdout.buffer
        try:
            async for head in wanted:
                async for piece in _lines(store, head) if form == "lines" else pieces(store, head, form):
                    target.write(piece)
        finally:
            target.flush()
            if out is not None:
                target.close()

    with_store(endpoints, work, must_exist=True)


def erase_conversation(
    sender_id: SenderId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    endpoints: Endpoints = None,
    credentials: Credentials = None,
) -> None:
    """Erase a conversation and all data stored about it."""
    if not yes:
        typer.confirm(f"Erase {sender_id} permanently?", abort=True)

    async def work(store: ConversationStore) -> None:
        await _existing(store, sender_id)
        # The new epoch notifies open pages that the conversation was erased.
        await store.erase(sender_id, new_epoch=secrets.token_hex(8))
        await _remove_files(store, credentials)
        print(f"Erased {sender_id}.")

    with_store(endpoints, work, must_exist=True)


async def _remove_files(store: ConversationStore, credentials: Path | None) -> None:
    """Remove the bytes of erased files, which a running server would remove later."""
    path = credentials or Path("credentials.yml")
    with located(credentials=path):
        files = open_files(read_credentials(path), store, root=Path())
        if files is not None:
            await files.prepare()
            await files.remove_due()


async def _wanted(store: ConversationStore, given: list[Head], owner: str | None) -> AsyncIterator[Head]:
    """Yield the given conversations and those of an owner, or all. Memory does not depend on their number."""
    for head in given:
        yield head
    if owner is not None:
        owned = await store.conversations(owner=owner, limit=MAX_OWNED)
        if not owned:
            print(
                f"The store contains no conversations of the owner {owner!r}. Check the subject, which is in the token "
                "of the visitor.",
                file=sys.stderr,
            )
        for head in owned:
            yield head
    elif not given:
        async for head in _heads(store):
            yield head


async def _heads(store: ConversationStore) -> AsyncIterator[Head]:
    after: str | None = None
    while heads := await store.conversations(after=after, limit=PAGE):
        for head in heads:
            if head.version > 0:  # an erased conversation remains without events
                yield head
        after = heads[-1].sender_id


async def _lines(store: ConversationStore, head: Head) -> AsyncIterator[bytes]:
    async for entry in entries_of(store, head.sender_id):
        event = outside(entry.event)
        if event is None:
            continue
        line = {"sender_id": head.sender_id, "seq": entry.seq, **event_to_wire(event)}
        yield msgspec.json.encode(line) + b"\n"


async def _existing(store: ConversationStore, sender_id: str) -> Head:
    head = await store.head(sender_id)
    if head is None:
        raise StoreError("unknown_conversation", f"unknown conversation {sender_id!r}: run `manent conversations list`")
    return head
