"""All conversations of this process, and what they share: store, assistant, actions, limits.

Channels ask it for a `Conversation` by `sender_id`. It keeps those that somebody follows or works on, and some more
with their trackers at hand, least recently used out first. It recovers unfinished turns at start, and ends in order:
new messages are refused, turns and deliveries finish, within a bound.
"""

import asyncio
import logging
import os
import random
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from manent.core.conversation_log import Head, Lease, LogEntry
from manent.core.errors import ActionError, ManentError, RequestError
from manent.core.events import Json
from manent.dialogue.turn import CallAction, Env, Generate
from manent.runtime.assistant import Assistant
from manent.runtime.conversation import turns
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.record import Record
from manent.runtime.conversation.ticket import server_closing
from manent.runtime.conversation.wakeups import News
from manent.runtime.measures import Measures
from manent.runtime.parse_batching import Understanding
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionCall, ActionResult, ActionRunner, Generator
from manent.runtime.ports.channel import Output
from manent.runtime.ports.store import ConversationStore
from manent.runtime.rate_limits import Rates
from manent.runtime.tracker_json import tracker_to_wire

log = logging.getLogger("manent.conversations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep one sender from harming the others.

    Attributes:
        waiting_per_conversation: messages that may wait for their turn; one more is `busy`.
        text: characters of one message.
        page: visible events in one answer, at most.
        cached_trackers: trackers kept at hand of conversations that nobody is working on; some 50 kB each.
        waiting_per_socket: requests of one socket that may wait.
        outgoing_per_socket: packets that may wait for a socket to take them; it is closed when there are more.
        connects_per_minute: sockets that one address may open (this and the following: 0 is no limit).
        connects_per_minute_per_subject: that one signed-in visitor may open.
        sessions_per_minute: conversations that one address may begin.
        sessions_per_minute_per_subject: that one signed-in visitor may begin.
        messages_per_minute: that one address may send.
        messages_per_minute_per_sender: in one conversation, or by one subject.
    """

    waiting_per_conversation: int = 64
    text: int = 64_000
    page: int = 200
    cached_trackers: int = 1_000
    waiting_per_socket: int = 256
    outgoing_per_socket: int = 10_000
    connects_per_minute: int = 60_000
    connects_per_minute_per_subject: int = 60_000
    sessions_per_minute: int = 60_000
    sessions_per_minute_per_subject: int = 60_000
    messages_per_minute: int = 600_000
    messages_per_minute_per_sender: int = 60_000


RECOVER_EVERY_S = 5.0

_LOOKED_AT = 2
"""Conversations that are looked at whenever one is released; more than come anew."""


class Conversations:
    """See the module. Open it before use, close it at the end.

    Attributes:
        model: of the next turn; assigning another one swaps it between two turns, None unloads it.
        owner: this process among all that ever work on the store: `host:pid:start:nonce`.
        readers: told of every append, after it is durable; of an erase or a replaced log without entries.
        outputs: channels that can send without being asked, by name of the output channel; None for those whose
            sockets follow the log anyway.
        news: hands out what other servers wrote.
        workers: tasks that are not to be cut off when the server ends, if they end soon.
        token_of: returns what proves that a conversation of this id is one's own.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        assistant: Assistant,
        actions: ActionRunner | None = None,
        generator: Generator | None = None,
        limits: Limits | None = None,
        measures: Measures | None = None,
        rates: Rates | None = None,
    ) -> None:
        self.store = store
        self.model: Assistant | None = assistant
        self.actions = actions
        self.generator = generator
        self.limits = limits or Limits()
        self.rates = rates or Rates()
        self.measures = measures or Measures()
        self.closing = False
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}:{secrets.token_hex(4)}"
        self.readers: list[Callable[[str, Sequence[LogEntry]], None]] = []
        self.outputs: dict[str, Output | None] = {}
        self.news = News(self)
        self._understanding = Understanding()
        self.token_of: Callable[[str], str] = lambda _: ""
        self._all: dict[str, Conversation] = {}
        self._at_hand: OrderedDict[str, Conversation] = OrderedDict()
        self.workers: set[asyncio.Task[None]] = set()
        self._rng = random.Random(secrets.randbits(256))  # noqa: S311  # picks response variations, makes ids
        self._env = Env(now=time.time, new_id=self.new_id, rng=self._rng, stamp=assistant.stamp)
        self._recovery: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect the store and begin to finish what an earlier process left open."""
        await self.store.open()
        self._recovery = asyncio.create_task(self._recover_forever())
        self.news.open()

    async def close(self, *, within_s: float = 10.0) -> None:
        """Refuse what is new, let turns finish within a bound, then close actions and store."""
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        await self.news.close()
        await self.drain(within_s=within_s)
        if self.actions is not None:
            await self.actions.close()
        await self.store.close()

    async def drain(self, *, within_s: float) -> None:
        """Refuse new messages (`server_closing`) and let turns finish; what takes longer goes on at the next start."""
        self.closing = True
        if self.workers:
            _, unfinished = await asyncio.wait(set(self.workers), timeout=within_s)
            for worker in unfinished:
                log.warning("a turn did not finish in time; it goes on at the next start")
                worker.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            for conversation in tuple(self._all.values()):
                conversation.refuse_waiting(server_closing())

    @property
    def assistant(self) -> Assistant:
        """The loaded model.

        Raises:
            RequestError: `no_model`.
        """
        if self.model is None:
            raise RequestError("no_model", "no model is loaded", status=409)
        return self.model

    # the registry ---------------------------------------------------------------------------------------------------

    def get(self, sender_id: str) -> Conversation:
        """Return the conversation of this id, known to the store or not."""
        conversation = self._all.get(sender_id)
        if conversation is None:
            conversation = self._all[sender_id] = Conversation(sender_id, self)
        return conversation

    async def create(self, sender_id: str) -> Head:
        """Make an empty conversation unless there is one; return its head."""
        now = time.time()
        return await self.store.create(Head(sender_id=sender_id, epoch=secrets.token_hex(8), started=now, updated=now))

    def working(self, worker: asyncio.Task[None]) -> None:
        """Keep a reference to a task until it is done."""
        self.workers.add(worker)
        worker.add_done_callback(self.workers.discard)

    def release(self, conversation: Conversation) -> None:
        """Let go of what nobody needs, now that nothing is to be done in this conversation, or somebody left it.

        Of those that have a tracker at hand the least recently used lose it beyond the bound. What this costs does not
        depend on how many are followed: with ten thousand idle sockets, a look at all took milliseconds a message.
        """
        at_hand = self._at_hand
        if conversation.record.tracker is None:
            at_hand.pop(conversation.sender_id, None)
        else:
            at_hand[conversation.sender_id] = conversation
            at_hand.move_to_end(conversation.sender_id)
        while len(at_hand) > self.limits.cached_trackers:
            _, oldest = at_hand.popitem(last=False)
            if not oldest.mailbox.working:  # else it comes back when its work is done
                oldest.record.forget()
                self._drop_if_needless(oldest)
        self._drop_if_needless(conversation)
        # Some were only asked for: whoever has been here longest is looked at now and then.
        for _ in range(_LOOKED_AT if len(self._all) > self.limits.cached_trackers else 0):
            sender_id, oldest = next(iter(self._all.items()))
            del self._all[sender_id]
            self._all[sender_id] = oldest
            self._drop_if_needless(oldest)

    def _drop_if_needless(self, conversation: Conversation) -> None:
        if conversation.idle and conversation.record.tracker is None:
            self._all.pop(conversation.sender_id, None)

    def followed(self, among: Collection[str] | None = None) -> list[Conversation]:
        """Return the conversations that somebody follows here, all or those of these ids."""
        return [one for one in self._known(among) if one.subscribers]

    def remembered(self, among: Collection[str] | None = None) -> list[Conversation]:
        """Return those that nobody follows, and whose trackers are kept for their next messages."""
        return [one for one in self._known(among) if not one.subscribers and one.record.head is not None]

    def _known(self, among: Collection[str] | None) -> Iterable[Conversation]:
        return self._all.values() if among is None else (self._all[one] for one in among if one in self._all)

    @property
    def count(self) -> int:
        """Conversations at hand."""
        return len(self._all)

    @property
    def waiting(self) -> int:
        """Messages and other jobs that wait for their turn."""
        return sum(len(conversation.mailbox) for conversation in self._all.values())

    def committed(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Tell the readers of the log (event broker, reminders, metrics) what was appended."""
        for reader in self.readers:
            reader(sender_id, entries)

    # what a turn needs ----------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        """Return a unique id, of a message say. It proves nothing: what does comes from `secrets`, at a price."""
        return f"{self._rng.getrandbits(128):032x}"

    def env(self, assistant: Assistant) -> Env:
        """Return clock, ids and randomness for a turn of this assistant."""
        if self._env.stamp is not assistant.stamp:
            self._env = Env(now=time.time, new_id=self.new_id, rng=self._rng, stamp=assistant.stamp)
        return self._env

    async def understand(self, assistant: Assistant, text: str) -> Json:
        """Run the NLU."""
        return await assistant.understand(text, self._understanding)

    async def ask(self, record: Record, step: CallAction | Generate) -> ActionResult | Json:
        """Run a custom action or have a response made.

        Raises:
            ActionError: it could not be done.
        """
        head, tracker = await record.load()
        name = step.name if isinstance(step, CallAction) else step.response
        key = f"{head.epoch}:{head.version}:{name}"
        events = await self._session_events(head)
        wire = tracker_to_wire(tracker, events, trailing=step.trailing, idempotency_key=key)
        if isinstance(step, Generate):
            if self.generator is None:
                raise ActionError("nlg_missing", "no nlg endpoint is configured")
            return await self.generator.generate(step.response, step.arguments, wire, step.channel)
        if self.actions is None:
            raise ActionError(
                "action_endpoint_missing",
                f"the custom action {name!r} cannot run: endpoints.yml has no action_endpoint",
            )
        return await self.actions.run(
            ActionCall(name=name, sender_id=head.sender_id, tracker=wire, idempotency_key=key)
        )

    async def _session_events(self, head: Head) -> list[bytes]:
        """Return the session's events as JSON; when they are more than actions are shown, from a user turn on."""
        newest = self.actions.newest_events if self.actions is not None else NEWEST_EVENTS
        limit = newest or max(1, head.version)
        events = await self.store.tail(head.sender_id, after=max(0, head.session_seq - 2), limit=limit)
        if len(events) == newest:
            turns = (index for index, event in enumerate(events) if event.startswith(b'{"event":"user"'))
            del events[: next(turns, 0)]
        return events

    # unfinished turns -----------------------------------------------------------------------------------------------

    def may_take_over(self, lease: Lease) -> bool:
        """Whether a turn under this lease is ours to finish: it has run out, or its process on this host is dead."""
        return lease.until <= time.time() or self.is_dead(lease)

    def is_dead(self, lease: Lease) -> bool:
        """Whether the process of a lease was on this host and is no more."""
        host, pid, started, _ = lease.owner.rsplit(":", 3)
        return host == socket.gethostname() and _started(int(pid)) != started

    def _is_ours(self, head: Head) -> bool:
        """Whether an open turn is for this server to finish: nobody's any more, or its own and nobody is at work."""
        if head.lease is not None and head.lease.owner == self.owner:
            conversation = self._all.get(head.sender_id)
            return conversation is None or not conversation.mailbox.working
        return head.lease is None or self.may_take_over(head.lease)

    async def _recover_forever(self) -> None:
        while True:
            try:
                heads = await self.store.unfinished(now=float("inf"))
                await asyncio.gather(*(self._recover(head.sender_id) for head in heads if self._is_ours(head)))
            except ManentError as error:
                log.warning("could not look for unfinished turns", extra={"code": error.code, "error": error.message})
            await asyncio.sleep(RECOVER_EVERY_S)

    async def _recover(self, sender_id: str) -> None:
        try:
            await self.get(sender_id).perform(turns.recover)
        except ManentError as error:
            log.warning(
                "an unfinished turn could not be finished",
                extra={"sender_id": sender_id, "code": error.code, "error": error.message},
            )


def _started(pid: int) -> str:
    """Return when a process of this host started (clock ticks since boot), "" when there is none or nobody can tell.

    A zombie, whose parent has not asked for its status, is dead.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
