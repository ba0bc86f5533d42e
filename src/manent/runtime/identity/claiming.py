"""Claims an anonymous conversation for a visitor who signs in (`claim:` in `credentials.yml`).

With `keep`, the visitor becomes the owner of the conversation, which keeps its id. If the visitor has another
conversation and the anonymous conversation is unused, the anonymous one is dropped. With `merge`, the anonymous
conversation is appended as a session to the visitor's existing conversation, and then erased. `Identity` calls this
module after it has verified both tokens. Subscribers of the anonymous conversation are notified.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from manent.core.conversation_log import LogEntry, View
from manent.core.domain import REQUESTED_SLOT
from manent.core.errors import RequestError
from manent.core.events import (
    ConversationPaused,
    ConversationResumed,
    Event,
    HandoffRequested,
    OperatorJoined,
    OperatorLeft,
    SessionStarted,
    SlotSet,
    StoryExported,
    UserUttered,
)
from manent.core.tracker import Tracker
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Moved
from manent.runtime.conversation.numbering import Copied
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.successor import successor_of
from manent.runtime.ports.store import DuplicateMessage

FIRST_EVENTS = 50
"""Number of events that are read to determine whether a conversation was used.

A conversation with more events counts as used.
"""


class Claims:
    """Claims anonymous conversations. The method `claim` is used as `Identity.claim`."""

    def __init__(self, conversations: Conversations, how: Literal["keep", "merge"]) -> None:
        self.conversations = conversations
        self.how = how

    async def claim(self, sender_id: str, subject: str) -> str:
        """Make the subject the owner of an anonymous conversation. Return the id of the conversation to continue.

        Raises:
            RequestError: `forbidden`: another subject claimed it first.
            StoreError: nothing changed.
        """
        anonymous = self.conversations.get(sender_id)
        newest = await self.conversations.engine.store.conversations(owner=subject, limit=1)
        if newest and newest[0].sender_id != sender_id:
            others = self.conversations.get(newest[0].sender_id)
            own = await anonymous.perform(lambda alone: self._join(alone, others, subject))
        else:
            own = anonymous
            await anonymous.perform(lambda alone: self._keep(alone, subject))
        head = await self.conversations.engine.store.head(own.sender_id)
        if head is None or head.owner != subject:
            raise RequestError("forbidden", "this conversation was claimed by another visitor", status=403)
        anonymous.feed.notify(Moved({"reason": "claimed", "session_id": own.sender_id, "epoch": head.epoch}))
        return own.sender_id

    async def _join(self, anonymous: Conversation, own: Conversation, subject: str) -> Conversation:
        """Claim a conversation for a subject that already has another.

        Return the id of the conversation to continue. If `keep` is configured and the anonymous conversation is
        unused, it is dropped. So visitors who sign in on another device, or after the page has connected, see their
        earlier messages.
        """
        if self.how == "keep" and await self._is_used(anonymous):
            await self._keep(anonymous, subject)
            return anonymous
        await self._merge(anonymous, own, subject, copies=self.how == "merge")
        return own

    async def _is_used(self, conversation: Conversation) -> bool:
        """Return whether the visitor wrote a message.

        Messages that the page sends automatically (`/greet`) are ignored.
        """
        first = await self.conversations.engine.store.entries(conversation.sender_id, limit=FIRST_EVENTS)
        return len(first) == FIRST_EVENTS or any(map(_is_said, first))

    async def _keep(self, anonymous: Conversation, subject: str) -> None:
        """Store the owner together with an event without effect, so that other servers notice a new version."""
        store = self.conversations.engine.store
        head = await store.head(anonymous.sender_id)
        if head is None or head.owner is not None:
            return
        if head.version == 0 and await self._replace_empty(anonymous, subject):
            return
        anonymous.owner = subject
        await anonymous.turns.append(lambda _: ([StoryExported(timestamp=time.time())], None))

    async def _replace_empty(self, anonymous: Conversation, subject: str) -> bool:
        """Replace an empty log by an empty log of the subject. Return False if the log is not empty any more.

        The first event of a log must be the session start, so no event can be appended. With the old epoch, a server
        that knows the empty log could append to it, and so remove the owner.
        """
        store = self.conversations.engine.store
        async with anonymous.turns.held():
            head = await store.head(anonymous.sender_id)
            if head is None or head.version > 0:
                return False
            await store.erase(anonymous.sender_id, new_epoch=None)
            await store.create(replace(head, epoch=secrets.token_hex(8), owner=subject, open_turn=False, lease=None))
            anonymous.record.forget()
        return True

    async def _merge(self, anonymous: Conversation, own: Conversation, subject: str, *, copies: bool) -> None:
        """Copy the conversation, then erase the original.

        After a crash between the two steps, the existing copy is detected, and only the erase is repeated.
        """
        head = await self.conversations.engine.store.head(anonymous.sender_id)
        if head is not None and head.owner is None:
            async with anonymous.turns.held():  # a message that another server accepted meanwhile would be erased
                await self._move(anonymous, own, subject, copies=copies)

    async def _move(self, anonymous: Conversation, own: Conversation, subject: str, *, copies: bool) -> None:
        store = self.conversations.engine.store
        head = await store.head(anonymous.sender_id)
        if head is None or head.owner is not None:
            return
        entries = await store.entries(anonymous.sender_id) if copies else ()
        if entries:
            own.owner = subject
            try:
                await own.perform(
                    lambda alone: alone.turns.append(lambda tracker: _session(tracker, entries, head.epoch))
                )
            except DuplicateMessage:
                own.record.forget()
            await store.move_files(anonymous.sender_id, own.sender_id)
        await store.erase(anonymous.sender_id, new_epoch=None)
        anonymous.feed.restart(None)


_HANDLING = (HandoffRequested, OperatorJoined, OperatorLeft, ConversationPaused, ConversationResumed)


def _is_said(entry: LogEntry) -> bool:
    event, shown = entry.event, entry.view
    words = isinstance(event, UserUttered) and not (event.text or "").startswith("/")
    return shown is not None and (words or shown.title is not None)


def _session(tracker: Tracker, entries: Sequence[LogEntry], epoch: str) -> tuple[Sequence[Event], Copied]:
    """Return the events of an anonymous log, with a first session that carries over the owner's slots.

    If a person handles the owner's conversation, this person continues to handle it: who handled the anonymous one is
    left out.
    """
    carried = tracker.slots() if tracker.domain.session.carry_over_slots else {}
    kept = [(name, value) for name, value in carried.items() if value is not None and name != REQUESTED_SLOT]
    events: list[Event] = []
    shown: list[View | None] = []
    for entry in entries:
        if successor_of(entry.event) is not None:
            continue  # a reset of the anonymous conversation must not move the browser tabs of the owner
        if tracker.is_handled and isinstance(entry.event, _HANDLING):
            continue
        events.append(entry.event)
        shown.append(entry.view)
        if isinstance(entry.event, SessionStarted) and kept:
            events += [SlotSet(name=name, value=value, timestamp=entry.event.timestamp) for name, value in kept]
            shown += [None] * len(kept)
            kept = []  # later sessions carry the slots over from the first session
    if tracker.is_handled:  # the copied session start has removed the pause
        events.append(ConversationPaused(timestamp=time.time()))
        shown.append(None)
    return events, Copied(shown=shown, message_id=f"claim:{epoch}")
