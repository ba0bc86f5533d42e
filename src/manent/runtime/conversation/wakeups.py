"""Hands out what other servers wrote to the conversations that somebody follows here; lets go of erased ones.

The store says when there is news (PostgreSQL's notifications, SQLite's change counter); what it is, is read from the
logs, from where the followers are. A wake-up may be lost: at the latest `LOOK_EVERY_S` later all that is followed is
compared with the store. `Conversations` opens and closes it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from manent.core.errors import ManentError

if TYPE_CHECKING:
    from manent.runtime.conversation.conversation import Conversation
    from manent.runtime.conversation.registry import Conversations

log = logging.getLogger("manent.news")

LOOK_EVERY_S: Final = 3.0
"""How often the store is asked though it has not said that there is news."""

REST: Final = 4.0
"""How many times as long as a look took the next one is put off: looking takes a fifth of the time at most."""

RETRY_S: Final = 1.0
AT_ONCE: Final = 500


class News:
    """See the module.

    Attributes:
        listeners: called, whenever something may have been written elsewhere that is no conversation's (a revocation).
    """

    def __init__(self, conversations: "Conversations") -> None:
        self.conversations = conversations
        self.listeners: list[Callable[[], None]] = []
        self._watch: asyncio.Task[None] | None = None
        self._unsure = True
        self._sure_at = float("-inf")

    def open(self) -> None:
        """Begin to watch. The store is open."""
        self._watch = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                heard = await self.conversations.store.news(within_s=LOOK_EVERY_S)
                began = time.monotonic()
                if heard is None:
                    for tell in self.listeners:
                        tell()
                await self._hand_out(heard)
                await asyncio.sleep(REST * (time.monotonic() - began))
            except ManentError as error:
                log.warning("could not look at the logs", extra={"code": error.code, "error": error.message})
                await asyncio.sleep(RETRY_S)

    async def _hand_out(self, heard: Collection[str] | None) -> None:
        """Compare these conversations, or all, with the store; let those that are behind catch up.

        What was erased elsewhere must not stay in our memory, either; when it is not known what was written, trackers
        that are kept for later are compared less often.
        """
        for conversation, place in await self._places(self.conversations.followed(heard)):
            if place is not None:
                await conversation.catch_up(*place)
            elif not conversation.mailbox.working:
                conversation.vanished()
        self._unsure = self._unsure or heard is None
        if self._unsure and time.monotonic() - self._sure_at >= LOOK_EVERY_S:
            remembered = self.conversations.remembered()
            self._unsure, self._sure_at = False, time.monotonic()
        else:
            remembered = self.conversations.remembered(heard or ())
        for conversation, place in await self._places(remembered):
            conversation.drop_if_gone(place)

    async def _places(self, asked_for: list["Conversation"]) -> list[tuple["Conversation", tuple[str, int] | None]]:
        """Return where the logs of these conversations are in the store, None for those that are not there."""
        found: list[tuple[Conversation, tuple[str, int] | None]] = []
        for start in range(0, len(asked_for), AT_ONCE):
            part = asked_for[start : start + AT_ONCE]
            places = await self.conversations.store.places([one.sender_id for one in part])
            found += [(one, places.get(one.sender_id)) for one in part]
        return found
