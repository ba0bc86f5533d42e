"""Creates logs for tests: turns, heads and accepted messages."""

import hashlib
from collections.abc import Callable

from msgspec.structs import replace

from manent.core.conversation_log import Accepted, Append, Divider, FireReminder, Head, LogEntry, Snapshot, View
from manent.core.events import ActionExecuted, BotUttered, SlotSet, UserUttered
from manent.runtime.ports.store import ConversationStore, DuplicateMessage, ReminderGone

MakeStore = Callable[[], ConversationStore]
"""A function that returns an unopened store with the data of one test.

A second call returns another instance that uses the same data.
"""


def turn(
    head: Head,
    text: str = "hello",
    *,
    message_id: str | None = None,
    snapshot: bytes | None = None,
    divider: Divider | None = None,
) -> Append:
    """Return an append with one turn after `head`: user message, slot, bot message and `action_listen`."""
    first = head.version + 1
    now = head.updated + 1.0
    entries = (
        LogEntry(
            seq=first,
            event=UserUttered(timestamp=now, text=text, parse_data={"intent": {"name": "greet"}}),
            view=View(prev=head.visible, divider=divider, title="Hello!"),
        ),
        LogEntry(seq=first + 1, event=SlotSet(timestamp=now, name="mood", value={"of": ["joy", None, 1.5]})),
        LogEntry(seq=first + 2, event=BotUttered(timestamp=now, text=f"re: {text}"), view=View(prev=first)),
        LogEntry(seq=first + 3, event=ActionExecuted(timestamp=now, name="action_listen")),
    )
    accepted = () if message_id is None else (accept(message_id, first, text),)
    after = replace(head, version=first + 3, visible=first + 2, updated=now)
    kept = None if snapshot is None else Snapshot(version=after.version, data=snapshot)
    return Append(head=after, expected_version=head.version, entries=entries, accepted=accepted, snapshot=kept)


def accept(message_id: str, seq: int, text: str) -> Accepted:
    """Return an accepted message."""
    return Accepted(message_id=message_id, seq=seq, digest=hashlib.sha256(text.encode()).digest())


async def accepted_message(store: ConversationStore, sender_id: str, message_id: str) -> Accepted | None:
    """Return the stored record of an accepted message id, or None.

    It is read from the error of an append that uses the id again.

    The append also fires a reminder that does not exist, so it fails and writes nothing even if the id is unused.
    """
    head = await store.head(sender_id)
    if head is None:
        return None
    probe = Append(
        head=head,
        expected_version=head.version,
        expected_lease=head.lease,
        accepted=(accept(message_id, head.version, ""),),
        reminders=(FireReminder(name="no such reminder", seq=0),),
    )
    try:
        await store.append(probe)
    except DuplicateMessage as duplicate:
        return duplicate.accepted
    except ReminderGone:
        return None
    raise AssertionError("the store accepted an append that fires a reminder that does not exist")


def empty(sender_id: str = "ada", epoch: str = "e1") -> Head:
    """Return the head of a conversation without events."""
    return Head(sender_id=sender_id, epoch=epoch, started=100.0, updated=100.0)


async def talk(store: ConversationStore, head: Head, turns: int, *, snapshot_every: int = 0) -> Head:
    """Append turns to a log, and return the head after them."""
    for number in range(1, turns + 1):
        wanted = snapshot_every and number % snapshot_every == 0
        append = turn(head, f"message {number}", snapshot=b"state %d" % number if wanted else None)
        await store.append(append)
        head = append.head
    return head
