"""Provides the resources that all conversations share: store, model, actions, clock, ids, limits, metrics, leases.

`server/app.py` builds one engine per process. `registry.py` opens and closes it. The engine does not refer to
conversations. `Record`, `Feed` and `TurnRunner` receive it as an argument.
"""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from manent.core.conversation_log import Head, LogEntry
from manent.core.errors import ActionError, RequestError
from manent.core.events import Json, outside_json
from manent.core.tracker import Tracker
from manent.dialogue.steps import UNSTAFFED, ActionResult
from manent.dialogue.turn import CallAction, Env, Generate
from manent.runtime.assistant import Assistant
from manent.runtime.leases import LEASE_S, Leases
from manent.runtime.limits import Limits
from manent.runtime.metrics import Metrics
from manent.runtime.parse_batching import ParseBatcher
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionCall, ActionRunner, Generator
from manent.runtime.ports.channel import Output
from manent.runtime.ports.files import Attachments
from manent.runtime.ports.store import ConversationStore
from manent.runtime.spans import NO_SPANS, Spans
from manent.runtime.tracker_json import tracker_to_wire
from manent.runtime.user_messages import without_attachments


class Engine:
    """The resources that all conversations of a process share. Call `open` before use and `close` after use.

    Attributes:
        store: contains the logs.
        model: the model that the next turn uses. None if no model is loaded. Assign another model to replace it.
        actions: runs custom actions. None if no action endpoint is configured.
        generator: generates response texts. None if no NLG endpoint is configured.
        limits: the configured limits.
        metrics: counters and histograms of this process.
        spans: opens the spans of traced messages.
        leases: this process's leases on open turns, and the store's clock.
        is_closing: whether new messages are rejected because the server is shutting down.
        log_readers: functions that are called with `sender_id` and entries after every append, and without entries
            after an erase.
        behind: ids of conversations whose subscribers have not received all events, because the store could not be
            read. `Wakeups` publishes the events later.
        outputs: output channels that can send without a request, by channel name. None if the channel's sockets
            subscribe to the conversation instead.
        posted_to: output channels that read their messages from the log, although other channels can use their
            conversations. See `Env.posted_to`.
        typing_readers: functions that are called with `sender_id` when a visitor starts (True) or stops typing.
        files: the files that messages can name. None if visitors cannot send files.
        session_token: returns the token that proves ownership of a conversation.
        is_staffed: returns whether an operator is at the desk now. The desk sets it.
        handoff: whether turns may request a person, and whether one is there to answer.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        assistant: Assistant | None,
        actions: ActionRunner | None = None,
        generator: Generator | None = None,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        lease_s: float = LEASE_S,
        spans: Spans = NO_SPANS,
    ) -> None:
        self.store = store
        self.model = assistant
        self.actions = actions
        self.generator = generator
        self.limits = limits or Limits()
        self.metrics = metrics or Metrics()
        self.spans = spans
        self.leases = Leases(store, metrics=self.metrics, duration_s=lease_s)
        self.is_closing = False
        self.log_readers: list[Callable[[str, Sequence[LogEntry]], None]] = []
        self.behind: set[str] = set()
        self.typing_readers: list[Callable[[str, bool], None]] = []
        self.outputs: dict[str, Output | None] = {}
        self.posted_to: frozenset[str] = frozenset()
        self.files: Attachments | None = None
        self.session_token: Callable[[str], str] = lambda _: ""
        self.is_staffed: Callable[[], bool] = lambda: False
        self.handoff = UNSTAFFED
        self._batcher = ParseBatcher()
        # the random numbers only select response variations and generate ids
        self._rng = random.Random(secrets.randbits(256))  # noqa: S311
        self._env = Env(now=time.time, new_id=self.new_id, rng=self._rng, stamp=assistant.stamp if assistant else {})

    async def open(self) -> None:
        """Open the store and start to renew leases."""
        await self.store.open()
        await self.leases.open()

    async def close(self) -> None:
        """Close the actions and the generator, release the leases, and close the store."""
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self.store.close)
            parts.push_async_callback(self.leases.close)
            for called in (self.actions, self.generator):
                if called is not None:
                    parts.push_async_callback(called.close)

    @property
    def assistant(self) -> Assistant:
        """The loaded model.

        Raises:
            RequestError: `no_model`.
        """
        if self.model is None:
            raise RequestError("no_model", "no model is loaded", status=409)
        return self.model

    def metadata_of_client(self, metadata: Any) -> Any:
        """Return metadata that a client sent, of any type, without the keys that this server sets."""
        return metadata if self.files is None else without_attachments(metadata)

    def new_id(self) -> str:
        """Return a unique id, for example for a message. Such ids can be guessed, so use `secrets` for tokens."""
        return f"{self._rng.getrandbits(128):032x}"

    def env(self, assistant: Assistant) -> Env:
        """Return the clock, the id generator and the random generator for a turn of this assistant."""
        known = self._env
        if (
            known.stamp is not assistant.stamp
            or known.handoff is not self.handoff
            or known.posted_to is not self.posted_to
        ):
            self._env = Env(
                now=time.time,
                new_id=self.new_id,
                rng=self._rng,
                stamp=assistant.stamp,
                handoff=self.handoff,
                posted_to=self.posted_to,
            )
        return self._env

    async def parse(self, assistant: Assistant, text: str) -> Json:
        """Return the NLU result for a text."""
        return await assistant.understand(text, self._batcher)

    async def ask(self, head: Head, tracker: Tracker, step: CallAction | Generate) -> ActionResult | Json:
        """Run a custom action or generate a response.

        Args:
            head: head of the log after the last commit.
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
        """Return the session's events as JSON. If the session has too many events, start at a later user event."""
        newest = self.actions.newest_events if self.actions is not None else NEWEST_EVENTS
        limit = newest or max(1, head.version)
        events = await self.store.tail(head.sender_id, after=max(0, head.session_seq - 2), limit=limit)
        if len(events) == newest:
            turns = (index for index, event in enumerate(events) if event.startswith(b'{"event":"user"'))
            del events[: next(turns, 0)]
        return outside_json(events)

    def notify_log_readers(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Notify the event broker, reminders and other readers of the entries that were appended."""
        for reader in self.log_readers:
            reader(sender_id, entries)
