"""A reset on one server, told to the tabs on the others: by an event in the log that was left.

The event shows to nobody and changes nothing for the dialogue; servers that read on in the log
(`Conversation.catch_up`) tell their followers where the conversation goes on. It is written when no turn is at work,
and does not make the old conversation look newer than the one that replaced it.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from manent.core.conversation_log import Append, LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import Event, StoryExported
from manent.runtime.conversation import turns

if TYPE_CHECKING:
    from manent.runtime.conversation.conversation import Conversation

log = logging.getLogger("manent.conversation")

_ATTEMPTS = 60
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Left:
    """Where a conversation goes on that was left.

    Attributes:
        proved: by a `session_token`, which is not written down but made again.
    """

    session_id: str
    epoch: str
    proved: bool


def where_to(event: Event) -> Left | None:
    """Return where the conversation went on, when the event says that it did elsewhere."""
    match event:
        case StoryExported(metadata={"manent_left_for": [str(session_id), str(epoch), bool(proved)]}):
            return Left(session_id, epoch, proved)
    return None


async def leave(conversation: "Conversation", left: Left) -> None:
    """Write down that a conversation was left, once nobody is at work on it. Fails silently: it is only a courtesy."""
    for _ in range(_ATTEMPTS):
        try:
            await conversation.perform(lambda alone: _write(alone, left))
        except RequestError as error:
            if error.code != "busy":
                return
            await asyncio.sleep(_PAUSE_S)
        except ManentError as error:
            log.info("a reset was not told", extra={"sender_id": conversation.sender_id, "code": error.code})
            return
        else:
            return


async def _write(conversation: "Conversation", left: Left) -> None:
    record = conversation.record
    record.forget()
    await turns.finish_open_turn(conversation)
    head, tracker = await record.load()
    if head.version == 0:  # an event would stand where the first session has to begin
        return
    told = [left.session_id, left.epoch, left.proved]
    event = StoryExported(timestamp=time.time(), metadata={"manent_left_for": told})
    entry = LogEntry(seq=head.version + 1, event=event)
    after = replace(head, version=entry.seq)
    append = Append(head=after, expected_version=head.version, expected_lease=head.lease, entries=(entry,))
    await conversation.home.store.append(append)
    tracker.update(event)
    record.head = after
    if conversation.seen == (head.epoch, head.version):
        conversation.seen = (after.epoch, after.version)
