"""The parts that turns of all conversations share: store, model, actions, clock, ids, limits, metrics, leases.

The composition root builds one engine per process. `registry.py` opens and closes it. The engine does not know
conversations: `Record`, `Feed` and `TurnRunner` each receive it.
"""

import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from manent.core.conversation_log import Head, Lease, LogEntry
from manent.core.errors import ActionError, RequestError
from manent.core.events import Json
from manent.core.tracker import Tracker
from manent.dialogue.steps import ActionResult
from manent.dialogue.turn import CallAction, Env, Generate
from manent.runtime.assistant import Assistant
from manent.runtime.limits import Limits
from manent.runtime.metrics import Metrics
from manent.runtime.parse_batching import ParseBatcher
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionCall, ActionRunner, Generator
from manent.runtime.ports.channel import Output
from manent.runtime.ports.store import ConversationStore
from manent.runtime.tracker_json import tracker_to_wire

LEASE_S = 30.0
"""Duration of the lease on an open turn. The server that runs the turn renews it."""


class Engine:
    """Runs what turns need from outside the conversation. Call `open` before use and `close` at the end.

    Attributes:
        store: keeps the logs.
        model: the model that the next turn uses. None: no model is loaded. Assign another one to swap models.
        actions: runs custom actions. None: no action endpoint is configured.
        generator: generates response texts. None: no NLG endpoint is configured.
        limits: the configured limits.
        metrics: counters and histograms of this process.
        owner: name of this process in leases: `host:pid:start time:nonce`.
        is_closing: whether new messages are rejected because the server is shutting down.
        log_readers: called with `sender_id` and entries after every append, and with no entries after an erase.
        outputs: output channels by name. None: the sockets of this channel subscribe to the conversation.
        session_token: returns the token that proves ownership of a conversation.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        assistant: Assistant,
        actions: ActionRunner | None = None,
        generator: Generator | None = None,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.store = store
        self.model: Assistant | None = assistant
        self.actions = actions
        self.generator = generator
        self.limits = limits or Limits()
        self.metrics = metrics or Metrics()
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{_start_time(os.getpid())}:{secrets.token_hex(4)}"
        self.is_closing = False
        self.log_readers: list[Callable[[str, Sequence[LogEntry]], None]] = []
        self.outputs: dict[str, Output | None] = {}
        self.session_token: Callable[[str], str] = lambda _: ""
        self._batcher = ParseBatcher()
        self._rng = random.Random(secrets.randbits(256))  # noqa: S311  # picks response variations, generates ids
        self._env = Env(now=time.time, new_id=self.new_id, rng=self._rng, stamp=assistant.stamp)

    async def open(self) -> None:
        """Open the store."""
        await self.store.open()

    async def close(self) -> None:
        """Close the actions, then the store."""
        if self.actions is not None:
            await self.actions.close()
        await self.store.close()

    @property
    def assistant(self) -> Assistant:
        """The loaded model.

        Raises:
            RequestError: `no_model`.
        """
        if self.model is None:
            raise RequestError("no_model", "no model is loaded", status=409)
        return self.model

    def new_id(self) -> str:
        """Return a unique id, for example for a message. The id is not a secret: use `secrets` for tokens."""
        return f"{self._rng.getrandbits(128):032x}"

    def env(self, assistant: Assistant) -> Env:
        """Return clock, ids and randomness for a turn of this assistant."""
        if self._env.stamp is not assistant.stamp:
            self._env = Env(now=time.time, new_id=self.new_id, rng=self._rng, stamp=assistant.stamp)
        return self._env

    async def parse(self, assistant: Assistant, text: str) -> Json:
        """Return the NLU result for a text."""
        return await assistant.understand(text, self._batcher)

    async def ask(self, head: Head, tracker: Tracker, step: CallAction | Generate) -> ActionResult | Json:
        """Run a custom action or generate a response.

        Args:
            head: head of the committed log.
            tracker: state at this head.
            step: the action to run or the response to generate.

        Raises:
            ActionError: the action failed, or no endpoint is configured for it.
        """
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
        """Return the session's events as JSON. If there are too many, start at a user event."""
        newest = self.actions.newest_events if self.actions is not None else NEWEST_EVENTS
        limit = newest or max(1, head.version)
        events = await self.store.tail(head.sender_id, after=max(0, head.session_seq - 2), limit=limit)
        if len(events) == newest:
            turns = (index for index, event in enumerate(events) if event.startswith(b'{"event":"user"'))
            del events[: next(turns, 0)]
        return events

    def notify_log_readers(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Tell the event broker, reminders and other readers which entries were appended."""
        for reader in self.log_readers:
            reader(sender_id, entries)

    def may_take_over(self, lease: Lease) -> bool:
        """Return whether this server may finish a turn under this lease: it expired, or its process is dead."""
        return lease.until <= time.time() or self.is_dead(lease)

    def is_dead(self, lease: Lease) -> bool:
        """Return whether the process that holds the lease ran on this host and has ended."""
        host, pid, started, _ = lease.owner.rsplit(":", 3)
        return host == socket.gethostname() and _start_time(int(pid)) != started


def _start_time(pid: int) -> str:
    """Return the start time of a process on this host in clock ticks since boot, "" if it has ended or is unknown.

    A zombie counts as ended.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
