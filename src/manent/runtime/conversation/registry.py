"""Manages all conversations of this process.

Channels request a `Conversation` by its `sender_id`. The registry keeps in memory all conversations that have
subscribers or jobs, and caches the most recently used others. It also finishes turns that a crash left open. At
shutdown, the registry rejects new messages and waits for running turns within a time limit.
"""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from functools import partial
from weakref import WeakValueDictionary

from manent.core.conversation_log import Head
from manent.core.errors import ManentError
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.ticket import BusyElsewhere
from manent.runtime.loops import Loop
from manent.runtime.rate_limits import Rates
from manent.runtime.server_name import is_dead

log = logging.getLogger("manent.conversations")

RECOVERY_INTERVAL_S = 1.0

MAX_RECOVERIES = 100
"""Maximum number of unfinished turns that run at the same time. Most of these turns wait for an action."""

_CHECKED_PER_RELEASE = 2
"""Number of conversations that each `release` checks for removal.

It is greater than one, so that the registry shrinks.
"""


class Conversations:
    """The conversations of this process. Call `open` before use and `close` after use.

    Attributes:
        engine: shared by all conversations.
        rates: rate limits of clients, which channels check before they submit a message.
        workers: tasks that can finish within a time limit at shutdown.
    """

    def __init__(self, engine: Engine, *, rates: Rates | None = None) -> None:
        self.engine = engine
        self.rates = rates or Rates()
        self.workers: set[asyncio.Task[None]] = set()
        self._all: dict[str, Conversation] = {}
        # Conversations that were removed and that some code still refers to. Without this, `get` would create a second
        # one beside it, and the two could run turns at the same time.
        self._alive: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._cached: OrderedDict[str, Conversation] = OrderedDict()
        self._recovery = Loop("recovery", self._recover, metrics=engine.metrics)
        self._recovering: dict[str, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Open the engine and start finishing turns that an earlier process left open."""
        await self.engine.open()
        self._recovery.open()

    async def close(self, *, within_s: float = 10.0) -> None:
        """Reject new messages, let turns finish within the time limit, then close the engine."""
        await self._recovery.close()
        await self.drain(within_s=within_s)
        await asyncio.gather(*self._recovering.values(), return_exceptions=True)
        await self.engine.close()

    async def drain(self, *, within_s: float) -> None:
        """Reject new messages with `server_closing` and let turns finish.

        Turns that do not finish in time resume at the next start.
        """
        self.engine.is_closing = True
        if self.workers:
            _, unfinished = await asyncio.wait(set(self.workers), timeout=within_s)
            for worker in unfinished:
                log.warning("a turn did not finish in time; the next server finishes it")
                worker.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            if unfinished:
                await self.engine.leases.release()

    def get(self, sender_id: str) -> Conversation:
        """Return the conversation with this id, whether or not the store contains it."""
        conversation = self._all.get(sender_id)
        if conversation is None:
            conversation = self._alive.get(sender_id)
            if conversation is None:
                conversation = self._alive[sender_id] = Conversation(
                    sender_id, self.engine, on_start=self.workers.add, on_rest=partial(self._rest, sender_id)
                )
            self._all[sender_id] = conversation
        return conversation

    async def create(self, sender_id: str) -> Head:
        """Create an empty conversation unless one with this id exists. Return its head."""
        now = time.time()
        head = Head(sender_id=sender_id, epoch=secrets.token_hex(8), started=now, updated=now)
        return await self.engine.store.create(head)

    def track(self, worker: asyncio.Task[None]) -> None:
        """Let a task, like a turn, finish within the time limit at shutdown."""
        self.workers.add(worker)
        worker.add_done_callback(self.workers.discard)

    def release(self, conversation: Conversation) -> None:
        """Remove conversations that are no longer needed. Call this after you remove a subscriber.

        Trackers beyond the limit are dropped, least recently used first. The cost does not depend on the number of
        conversations. With ten thousand idle sockets, a search through all conversations would take milliseconds per
        message.
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
            if not oldest.mailbox.is_busy:  # a conversation with jobs is released again when the jobs are done
                oldest.record.forget()
                self._remove_if_unused(oldest)
        self._remove_if_unused(conversation)
        # Conversations that were looked up but had no job are never released, so check those that have been in memory
        # longest.
        for _ in range(_CHECKED_PER_RELEASE if len(self._all) > limit else 0):
            sender_id, oldest = next(iter(self._all.items()))
            del self._all[sender_id]
            self._all[sender_id] = oldest
            self._remove_if_unused(oldest)

    def _rest(self, sender_id: str, worker: asyncio.Task[None]) -> None:
        self.workers.discard(worker)
        conversation = self._all.get(sender_id)
        if conversation is not None:
            self.release(conversation)

    def _remove_if_unused(self, conversation: Conversation) -> None:
        if conversation.is_idle and conversation.record.tracker is None:
            self._all.pop(conversation.sender_id, None)

    def followed(self, among: Collection[str] | None = None) -> list[Conversation]:
        """Return the conversations that have subscribers. With `among`, return only conversations with these ids."""
        return [one for one in self._known(among) if one.subscribers]

    def cached(self, among: Collection[str] | None = None) -> list[Conversation]:
        """Return the conversations that have a log in memory but no subscribers.

        With `among`, return only conversations with these ids.
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
        """Number of messages and other jobs waiting in mailboxes."""
        return sum(len(conversation.mailbox) for conversation in self._all.values())

    async def _recover(self) -> float:
        """Start to finish open turns. Each turn has a separate task, so a turn that hangs does not delay the others.

        Returns:
            The pause until the next search in seconds.
        """
        leases, store = self.engine.leases, self.engine.store
        owners = await store.lease_owners()
        if not owners:
            return RECOVERY_INTERVAL_S
        free = [owner for owner in owners if owner is not None and (owner == leases.owner or is_dead(owner))]
        # The store also returns turns that are running in this process, so read enough rows to include other turns.
        limit = MAX_RECOVERIES + len(self.workers) + len(self._recovering)
        for head in await store.unfinished(now=leases.expired_by(), over=free, limit=limit):
            if len(self._recovering) == MAX_RECOVERIES:
                break
            if head.sender_id not in self._recovering and not self._is_running(head):
                task = asyncio.create_task(self._finish(head.sender_id))
                self._recovering[head.sender_id] = task
                task.add_done_callback(lambda _, sender_id=head.sender_id: self._recovering.pop(sender_id, None))  # type: ignore[misc]
        return RECOVERY_INTERVAL_S

    def _is_running(self, head: Head) -> bool:
        """Return whether this process owns an open turn and its worker is running."""
        conversation = self._all.get(head.sender_id)
        is_ours = head.lease is not None and head.lease.owner == self.engine.leases.owner
        return is_ours and conversation is not None and conversation.mailbox.is_busy

    async def _finish(self, sender_id: str) -> None:
        extra = {"sender_id": sender_id}
        try:
            await self.get(sender_id).perform(lambda conversation: conversation.turns.recover())
        except BusyElsewhere:
            log.debug("another server is finishing an open turn", extra=extra)
        except ManentError as error:
            log.warning("could not finish an open turn", extra={**extra, "code": error.code, "error": error.message})
        except Exception:
            log.exception("could not finish an open turn", extra=extra)
