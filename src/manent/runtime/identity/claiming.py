"""What becomes of an anonymous conversation when its visitor signs in (`claim:` in `credentials.yml`).

`keep`: it changes hands, and goes on under its id, unless nothing was said in it and the subject has another. `merge`:
its events are appended to the subject's own conversation as a session of their own, and it is removed. `identity.py`
calls this after both proofs were given; tabs that follow the anonymous conversation are told where it went.
"""

import time
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from manent.core.conversation_log import LogEntry, View
from manent.core.domain import REQUESTED_SLOT
from manent.core.errors import RequestError
from manent.core.events import Event, SessionStarted, SlotSet, StoryExported, UserUttered
from manent.core.tracker import Tracker
from manent.runtime.conversation import turns
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.numbering import Copied
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.successor import where_to
from manent.runtime.ports.store import DuplicateMessage

FIRST_EVENTS = 50
"""So many at most are looked at to see whether anything was said; a longer log is taken to be worth keeping."""


class Claims:
    """Lets subjects take over anonymous conversations; its `claim` is `Identity.claim`."""

    def __init__(self, conversations: Conversations, how: Literal["keep", "merge"]) -> None:
        self.conversations = conversations
        self.how = how

    async def claim(self, sender_id: str, subject: str) -> str:
        """Make the subject the owner of an anonymous conversation; return the id that it goes on under.

        Raises:
            RequestError: `forbidden`; another subject was faster.
            StoreError: nothing changed.
        """
        anonymous = self.conversations.get(sender_id)
        newest = await self.conversations.store.conversations(owner=subject, limit=1)
        if newest and newest[0].sender_id != sender_id:
            others = self.conversations.get(newest[0].sender_id)
            own = await anonymous.perform(lambda alone: self._join(alone, others, subject))
        else:
            own = anonymous
            await anonymous.perform(lambda alone: self._keep(alone, subject))
        head = await self.conversations.store.head(own.sender_id)
        if head is None or head.owner != subject:
            raise RequestError("forbidden", "this conversation was claimed by somebody else", status=403)
        told = {"reason": "claimed", "session_id": own.sender_id, "epoch": head.epoch}
        for subscriber in tuple(anonymous.subscribers):
            subscriber.changed(told)
        return own.sender_id

    async def _join(self, anonymous: Conversation, own: Conversation, subject: str) -> Conversation:
        """Take it over for a subject that has a conversation; return the one of both that goes on.

        One in which nothing was said is worth nothing beside it: whoever signs in on another device, or later than the
        page has connected, is to find what they said before.
        """
        if self.how == "keep" and await self._is_used(anonymous):
            await self._keep(anonymous, subject)
            return anonymous
        await self._merge(anonymous, own, subject, copies=self.how == "merge")
        return own

    async def _is_used(self, conversation: Conversation) -> bool:
        """Whether its visitor said anything; what the page says for them when it opens (`/greet`) does not count."""
        first = await self.conversations.store.entries(conversation.sender_id, limit=FIRST_EVENTS)
        return len(first) == FIRST_EVENTS or any(map(_is_said, first))

    async def _keep(self, anonymous: Conversation, subject: str) -> None:
        """Write the owner together with an event that changes nothing, so that every server notices a new version."""
        store = self.conversations.store
        head = await store.head(anonymous.sender_id)
        if head is None or head.owner is not None:
            return
        anonymous.owner = subject
        if head.version == 0:  # an event would stand where the first session has to begin
            await store.erase(anonymous.sender_id, new_epoch=None)
            await store.create(replace(head, owner=subject))
            anonymous.record.forget()
            return
        await turns.take_in(anonymous, lambda _: ([StoryExported(timestamp=time.time())], None))

    async def _merge(self, anonymous: Conversation, own: Conversation, subject: str, *, copies: bool) -> None:
        """Copy, then remove: after a crash in between, the copy is recognised and not made again."""
        store = self.conversations.store
        head = await store.head(anonymous.sender_id)
        if head is None or head.owner is not None:
            return
        entries = await store.entries(anonymous.sender_id) if copies else ()
        if entries:
            own.owner = subject
            try:
                await own.perform(
                    lambda alone: turns.take_in(alone, lambda tracker: _session(tracker, entries, head.epoch))
                )
            except DuplicateMessage:
                own.record.forget()
        await store.erase(anonymous.sender_id, new_epoch=None)
        anonymous.record.forget()
        anonymous.seen = None


def _is_said(entry: LogEntry) -> bool:
    event, shown = entry.event, entry.view
    words = isinstance(event, UserUttered) and not (event.text or "").startswith("/")
    return shown is not None and (words or shown.title is not None)


def _session(tracker: Tracker, entries: Sequence[LogEntry], epoch: str) -> tuple[Sequence[Event], Copied]:
    """Return an anonymous log's events, with the owner's slots carried over into each session that begins in it."""
    carried = tracker.slots() if tracker.domain.session.carry_over_slots else {}
    kept = [(name, value) for name, value in carried.items() if value is not None and name != REQUESTED_SLOT]
    events: list[Event] = []
    shown: list[View | None] = []
    for entry in entries:
        if where_to(entry.event) is not None:
            continue  # where its own tabs went, at a reset; the owner's stay
        events.append(entry.event)
        shown.append(entry.view)
        if isinstance(entry.event, SessionStarted) and kept:
            events += [SlotSet(name=name, value=value, timestamp=entry.event.timestamp) for name, value in kept]
            shown += [None] * len(kept)
            kept = []  # the sessions after it carry them over themselves
    return events, Copied(shown=shown, message_id=f"claim:{epoch}")
