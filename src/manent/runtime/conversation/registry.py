"""All conversations of this process.

Channels get a `Conversation` by its `sender_id`. The registry keeps conversations that have subscribers or jobs. Of the
others, it caches the most recently used ones. It also finishes turns that a crash left open. At shutdown, it rejects
new messages, then lets running turns finish within a time limit.
"""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable

from manent.core.conversation_log import Head
from manent.core.errors import ManentError
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.ticket import server_closing
from manent.runtime.rate_limits import Rates

log = logging.getLogger("manent.conversations")

RECOVERY_INTERVAL_S = 5.0

_CHECKED_PER_RELEASE = 2
"""Number of conversations that each `release` checks for removal.

It is greater than one, so that the registry shrinks.
"""


class Conversations:
    """The conversations of this process. Call `open` before use and `close` at the end.

    Attributes:
        engine: shared by all conversations.
        rates: rate limits of clients. Channels check them before they submit a message.
        workers: tasks that may finish within the time limit at shutdown.
    """

    def __init__(self, engine: Engine, *, rates: Rates | None = None) -> None:
        self.engine = engine
        self.rates = rates or Rates()
        self.workers: set[asyncio.Task[None]] = set()
        self._all: dict[str, Conversation] = {}
        self._cached: OrderedDict[str, Conversation] = OrderedDict()
        self._recovery: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the engine and start finishing turns that an earlier process left open."""
        await self.engine.open()
        self._recovery = asyncio.create_task(self._recover_forever())

    async def close(self, *, within_s: float = 10.0) -> None:
        """Reject new messages, let turns finish within the time limit, then close the engine."""
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        await self.drain(within_s=within_s)
        await self.engine.close()

    async def drain(self, *, within_s: float) -> None:
        """Reject new messages with `server_closing` and let turns finish.

        Turns that do not finish in time resume at the next start.
        """
        self.engine.is_closing = True
        if self.workers:
            _, unfinished = await asyncio.wait(set(self.workers), timeout=within_s)
            for worker in unfinished:
                log.warning("a turn did not finish in time; it will resume after the next start")
                worker.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            for conversation in tuple(self._all.values()):
                conversation.reject_waiting(server_closing())

    def get(self, sender_id: str) -> Conversation:
        """Return the conversation with this id. The store may or may not contain it."""
        conversation = self._all.get(sender_id)
        if conversation is None:
            conversation = self._all[sender_id] = Conversation(
                sender_id, self.engine, on_start=self.workers.add, on_rest=self._rest
            )
        return conversation

    async def create(self, sender_id: str) -> Head:
        """Create an empty conversation unless it exists. Return its head."""
        now = time.time()
        head = Head(sender_id=sender_id, epoch=secrets.token_hex(8), started=now, updated=now)
        return await self.engine.store.create(head)

    def track(self, worker: asyncio.Task[None]) -> None:
        """Let a task finish at shutdown, as a turn may."""
        self.workers.add(worker)
        worker.add_done_callback(self.workers.discard)

    def release(self, conversation: Conversation) -> None:
        """Remove conversations that are no longer needed. Call it after a subscriber was removed.

        Trackers beyond the limit are dropped, least recently used first. The cost does not depend on the number of
        conversations. With ten thousand idle sockets, a search through all conversations took milliseconds per message.
        """
        cached = self._cached
        if conversation.record.tracker is None:
            cached.pop(conversation.sender_id, None)
        else:
            cached[conversation.sender_id] = conversation
            cached.move_to_end(conversation.sender_id)
        limit = self.engine.limits.cached_trackers
        while len(cached) > limit:
            _, oldest = cached.popitem(last=False)
            if not oldest.mailbox.is_busy:  # a conversation with jobs is released again when they are done
                oldest.record.forget()
                self._remove_if_unused(oldest)
        self._remove_if_unused(conversation)
        # Conversations that were only looked up are never released, so check those that have been in memory for the
        # longest time.
        for _ in range(_CHECKED_PER_RELEASE if len(self._all) > limit else 0):
            sender_id, oldest = next(iter(self._all.items()))
            del self._all[sender_id]
            self._all[sender_id] = oldest
            self._remove_if_unused(oldest)

    def _rest(self, conversation: Conversation, worker: asyncio.Task[None]) -> None:
        self.workers.discard(worker)
        self.release(conversation)

    def _remove_if_unused(self, conversation: Conversation) -> None:
        if conversation.is_idle and conversation.record.tracker is None:
            self._all.pop(conversation.sender_id, None)

    def followed(self, among: Collection[str] | None = None) -> list[Conversation]:
        """Return the conversations that have subscribers. If `among` is given, return only those with these ids."""
        return [one for one in self._known(among) if one.subscribers]

    def cached(self, among: Collection[str] | None = None) -> list[Conversation]:
        """Return the conversations that have a log in memory but no subscribers.

        If `among` is given, return only those with these ids.
        """
        return [one for one in self._known(among) if not one.subscribers and one.record.head is not None]

    def _known(self, among: Collection[str] | None) -> Iterable[Conversation]:
        return self._all.values() if among is None else (self._all[one] for one in among if one in self._all)

    @property
    def count(self) -> int:
        """Number of conversations in memory."""
        return len(self._all)

    @property
    def waiting(self) -> int:
        """Number of messages and other jobs that wait in mailboxes."""
        return sum(len(conversation.mailbox) for conversation in self._all.values())

    async def _recover_forever(self) -> None:
        while True:
            try:
                heads = await self.engine.store.unfinished(now=float("inf"))
                await asyncio.gather(*(self._recover(head.sender_id) for head in heads if self._may_recover(head)))
            except ManentError as error:
                log.warning("could not search for open turns", extra={"code": error.code, "error": error.message})
            await asyncio.sleep(RECOVERY_INTERVAL_S)

    def _may_recover(self, head: Head) -> bool:
        """Return whether this server may finish an open turn.

        Its lease must be free or expired, or belong to this server while no worker is running.
        """
        if head.lease is not None and head.lease.owner == self.engine.owner:
            conversation = self._all.get(head.sender_id)
            return conversation is None or not conversation.mailbox.is_busy
        return head.lease is None or self.engine.may_take_over(head.lease)

    async def _recover(self, sender_id: str) -> None:
        try:
            await self.get(sender_id).perform(lambda conversation: conversation.turns.recover())
        except ManentError as error:
            log.warning(
                "could not finish an open turn",
                extra={"sender_id": sender_id, "code": error.code, "error": error.message},
            )
