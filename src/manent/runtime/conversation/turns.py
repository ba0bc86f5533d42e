"""Runs turns.

`dialogue/turn.py` decides the steps. It calls the NLU and the actions, and commits events. `Conversation` runs it as a
mailbox job, so that a conversation never runs two turns at the same time. A turn without custom actions is one commit.
Before a custom action or a text generator is called, the events so far are committed with a lease. After a crash, this
server or another server continues the turn from that commit (`finish_open_turn`).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from manent.core.conversation_log import Accepted, Head
from manent.core.errors import ActionError, InternalError, ManentError
from manent.core.events import Event, Json, UserUttered
from manent.core.tracker import Tracker, WindowExceeded
from manent.dialogue.turn import CallAction, Finished, Generate, Step, Turn, Understand
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.feed import Failed, Feed, Typing
from manent.runtime.conversation.numbering import Copied
from manent.runtime.conversation.record import MAX_ATTEMPTS, Record
from manent.runtime.conversation.ticket import (
    BusyElsewhere,
    Erased,
    OperatorMessage,
    Receipt,
    Ticket,
    TurnCause,
    conversation_changed,
    message_id_conflict,
    server_closing,
)
from manent.runtime.metrics import turn_id
from manent.runtime.ports.store import DuplicateMessage, VersionConflict

log = logging.getLogger("manent.conversation")

TYPING_AFTER_S = 0.3
TYPING_INTERVAL_S = 5.0


class TurnRunner:
    """Runs the turns of one conversation, one at a time."""

    __slots__ = ("_engine", "_feed", "_interrupted", "_is_interrupted", "_record")

    def __init__(self, engine: Engine, record: Record, feed: Feed) -> None:
        self._engine = engine
        self._record = record
        self._feed = feed
        self._is_interrupted = False
        self._interrupted: asyncio.Future[None] | None = None

    async def process(self, ticket: Ticket) -> None:
        """Run the turn of one message: accept it, answer it and publish the answer, or report the error."""
        if ticket.finished.done():  # the message was rejected while it waited in the mailbox
            return
        turn_id.set(ticket.message_id)
        self._engine.metrics.queued.observe(time.perf_counter() - ticket.arrived)
        spans, channel = self._engine.spans, ticket.message.input_channel
        try:
            with spans.message(ticket.span, message_id=ticket.message_id, channel=channel):
                await self._answer(ticket)
        except Erased as error:
            self._record.forget()
            ticket.fail(error)
        except BusyElsewhere as error:
            if (
                ticket.accepted.done()
            ):  # the lease of this server expired, and the server that took over the turn sends the answer
                self._record.forget()
                ticket.fail(error)
            else:
                self._report(ticket, error)
        except ManentError as error:
            self._report(ticket, error)
        except Exception as error:
            extra = {"sender_id": self._record.sender_id, "message_id": ticket.message_id}
            log.exception("turn failed", extra=extra)
            fault = InternalError("internal_error", f"the message could not be processed: {type(error).__name__}")
            self._report(ticket, fault)
            await self._abandon()
        except asyncio.CancelledError:  # the next server sends the rest of the answer to an accepted message
            ticket.fail(server_closing())
            raise
        finally:
            ticket.finish()

    async def _answer(self, ticket: Ticket) -> None:
        try:
            await self.decide(lambda turn: turn.start(ticket.message), TurnCause(ticket=ticket))
        except DuplicateMessage as duplicate:
            self._record.forget()
            await self._repeat_answer(ticket, duplicate.accepted)

    async def decide(self, begin: Callable[[Turn], Step], cause: TurnCause) -> None:
        """Run a turn to its end. If another turn is open, finish it first.

        If another server takes over this turn after it has begun, the turn does not start again, because the other
        server finishes it.

        Args:
            begin: calls the entry point of the turn.
            cause: the cause of the turn.

        Raises:
            RequestError: the turn rejected the request. `busy`: another server runs a turn of this conversation.
            DuplicateMessage: the message was already accepted; nothing was written.
            ReminderGone: the reminder was fired or cancelled in the meantime; nothing was written.
            VersionConflict: another server wrote first in every attempt.
            StoreError: the turn was not written.
        """

        async def work(head: Head, tracker: Tracker) -> None:
            if cause.ticket is not None:
                _check(head, cause.ticket)
            if head.open_turn:
                await self._finish(head, tracker, cause)
            if not cause.has_begun:
                await self._run(tracker, begin, cause)

        await self._until_decided(work)

    async def append(self, make: Callable[[Tracker], tuple[Sequence[Event], Copied | None]]) -> None:
        """Append events without running a turn. If a turn is open, finish it first.

        Args:
            make: called with the tracker, and again after a conflict. It returns the events, and their origin if they
                are copied.

        Raises:
            DuplicateMessage: the events were already copied; nothing was written.
            VersionConflict: another server wrote first in every attempt.
            StoreError: nothing was written.
        """

        async def work(head: Head, tracker: Tracker) -> None:
            if head.open_turn:
                await self._finish(head, tracker)
            events, copied = make(tracker)
            for event in events:
                tracker.update(event)
            await self._feed.commit(events, TurnCause(), open_turn=False, copied=copied)

        await self._until_decided(work)

    async def append_internal(
        self, make: Callable[[Head], Sequence[Event]], message: OperatorMessage | None = None
    ) -> None:
        """Append events that neither the visitor nor the bot sees. If a turn is open, finish it first.

        Args:
            make: called with the head. It returns the events. It is called again after a conflict.
            message: the message of an operator that the events add. Its id cannot be used again.

        Raises:
            RequestError: `busy`, or what `make` raises.
            DuplicateMessage: the message was already accepted; nothing was written.
            VersionConflict: other servers wrote first in all attempts.
            StoreError: nothing was written.
        """

        async def work(head: Head, tracker: Tracker) -> None:
            if head.open_turn:
                await self._finish(head, tracker)
                head, _ = await self._record.load()
            await self._feed.append_internal(*make(head), message=message)

        await self._until_decided(work)

    async def recover(self) -> None:
        """Finish the open turn, if any. If the turn fails again, end it with a message to the visitor.

        Raises:
            ManentError: another server runs the turn, or the turn could not be written.
        """

        async def work(head: Head, tracker: Tracker) -> None:
            if head.open_turn:
                await self._finish(head, tracker)

        self._record.forget()  # another server began the turn, so head and tracker in memory can be outdated
        try:
            await self._until_decided(work)
        except ManentError:
            raise
        except Exception:
            log.exception("an open turn failed again", extra={"sender_id": self._record.sender_id})
            await self._abandon()

    async def finish_open_turn(self) -> None:
        """Finish the open turn, if any.

        Raises:
            RequestError: `busy`: another running server is processing the turn.
            VersionConflict: another server wrote first.
            StoreError: the turn was not written.
        """
        head, tracker = await self._record.load()
        if head.open_turn:
            await self._finish(head, tracker)

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Finish the open turn, if any, and let no other server append during the block.

        Other servers reject messages with `busy` during the block. If this server stops, they continue after the lease.

        Raises:
            RequestError: `busy`: another running server is processing a turn.
            VersionConflict: other servers wrote first in all attempts.
            StoreError: the lease was not acquired, or not released.
        """

        async def work(head: Head, tracker: Tracker) -> None:
            if head.open_turn:
                await self._finish(head, tracker)
            await self._feed.commit((), TurnCause(), open_turn=True)

        await self._until_decided(work)
        try:
            yield
        finally:
            if self._record.head is not None and self._record.head.open_turn:
                await self._feed.commit((), TurnCause(), open_turn=False)

    def interrupt(self) -> None:
        """End the current turn when it calls its next action, or immediately if it waits for one.

        The turn then fails with `Erased`. Call `allow_actions` before the next turn.
        """
        self._is_interrupted = True
        if self._interrupted is not None and not self._interrupted.done():
            self._interrupted.set_result(None)

    def allow_actions(self) -> None:
        """End the effect of `interrupt`."""
        self._is_interrupted = False

    async def _finish(self, head: Head, tracker: Tracker, next_cause: TurnCause | None = None) -> None:
        lease, engine = head.lease, self._engine
        if lease is not None and lease.owner != engine.leases.owner and not engine.leases.may_take_over(lease):
            raise BusyElsewhere(min(engine.leases.duration_s, 2.0))
        log.info("finishing an open turn", extra={"sender_id": head.sender_id, "seq": head.version})
        cause = TurnCause(entries=next_cause.entries) if next_cause is not None else TurnCause()
        await self._run(tracker, lambda turn: turn.resume(self._record.output_channel()), cause)

    async def _until_decided(self, work: Callable[[Head, Tracker], Awaitable[None]]) -> None:
        """Run `work` with the loaded record.

        Repeat it if the record is out of date or its window is too small.
        """
        record = self._record
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                await work(*await record.load())
            except VersionConflict:
                record.forget()
                if attempt == MAX_ATTEMPTS:
                    raise
            except WindowExceeded:
                record.forget(start_earlier=True)
            else:
                return
        raise InternalError(
            "internal_error",
            f"the turn was not written in {MAX_ATTEMPTS} attempts, because other servers wrote to the conversation "
            "first",
        )

    async def _run(self, tracker: Tracker, begin: Callable[[Turn], Step], cause: TurnCause) -> None:
        """Run one turn to its end, including the actions and texts that it requests."""
        engine, feed, started = self._engine, self._feed, time.perf_counter()
        assistant = engine.assistant
        tracker.domain = assistant.domain
        turn = Turn(assistant.dialogue, tracker, engine.env(assistant))
        failure: ActionError | None = None
        calls: dict[tuple[int, str], int] = {}
        step = begin(turn)
        while not isinstance(step, Finished):
            if isinstance(step, Understand):
                step = turn.proceed(await self._parse(assistant, step.text, cause))
                continue
            await feed.commit(turn.take_events(), cause, open_turn=True)
            asked = time.perf_counter()
            try:
                with engine.spans.call(*_name_of(step)):
                    answer = await self._ask(step, calls)
                step = turn.proceed(answer)
            except ActionError as error:
                extra = {"sender_id": self._record.sender_id, "code": error.code, "error": error.message}
                # Log the traceback of an error that the project's own code raised.
                log.warning("action failed", extra=extra, exc_info=error.__cause__ if _is_theirs(error) else None)
                failure = error
                step = turn.fail(error)
            finally:
                engine.metrics.outside.observe(time.perf_counter() - asked)
        await feed.commit(turn.take_events(), cause, open_turn=False)
        if failure is not None:
            self._notify_failure(failure, cause.ticket)
        engine.metrics.turns.observe(time.perf_counter() - started)
        self._record.trim(assistant.dialogue.window)

    async def _parse(self, assistant: Assistant, text: str, cause: TurnCause) -> Json:
        """Return the NLU result of the message, or the earlier result if the turn runs again."""
        if cause.parsed is None or cause.parsed[0] is not assistant:
            started = time.perf_counter()
            with self._engine.spans.step("understand"):
                cause.parsed = assistant, await self._engine.parse(assistant, text)
            self._engine.metrics.understood.observe(time.perf_counter() - started)
        return cause.parsed[1]

    async def _ask(self, step: CallAction | Generate, calls: dict[tuple[int, str], int]) -> object:
        """Call an action or the text generator, and show the typing indicator during a slow call.

        Args:
            step: the call.
            calls: version and name → number of the turn's calls, which is increased.

        Raises:
            Erased: the conversation was erased. The call is cancelled.
        """
        head, tracker = await self._record.load()
        if self._is_interrupted:
            raise Erased
        _, name = _name_of(step)
        number = calls[head.version, name] = calls.get((head.version, name), 0) + 1
        asked = asyncio.ensure_future(self._engine.ask(head, tracker, step, number=number))
        interrupted = self._interrupted = asyncio.get_running_loop().create_future()
        wait_s: float = TYPING_AFTER_S
        try:
            while True:
                done, _ = await asyncio.wait({asked, interrupted}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                if interrupted in done:
                    raise Erased
                if done:
                    return asked.result()
                wait_s = TYPING_INTERVAL_S
                self._feed.notify(Typing(on=True))
        finally:
            self._interrupted = None
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError, ManentError):
                await asked

    async def _abandon(self) -> None:
        """End the open turn with a message to the visitor.

        A turn that failed with an internal error would fail again if it were repeated.
        """
        record = self._record
        record.forget()
        try:
            head, tracker = await record.load()
            if head.open_turn:
                await self._run(tracker, lambda turn: turn.abandon(record.output_channel()), TurnCause())
        except Exception:
            record.forget()
            log.exception("an open turn could not be ended", extra={"sender_id": record.sender_id})

    def _notify_failure(self, failure: ActionError, ticket: Ticket | None) -> None:
        """Notify subscribers that the latest bot message replaces an action that failed.

        Subscribers receive only the error code. Details such as addresses and tracebacks are only logged.
        """
        error = ActionError(failure.code, "the bot could not complete this action")
        head, message_id = self._record.head, ticket.message_id if ticket is not None else None
        self._feed.notify(Failed(error, message_id, head.visible if head is not None else None))

    def _report(self, ticket: Ticket, error: ManentError) -> None:
        """Report an error to the sender, or to all subscribers if the message was already accepted."""
        self._record.forget()
        if ticket.accepted.done():
            self._engine.metrics.failed += 1
            self._feed.notify(Failed(error, ticket.message_id))
        else:
            self._engine.metrics.refuse(error.code)
        ticket.fail(error)

    async def _repeat_answer(self, ticket: Ticket, accepted: Accepted) -> None:
        """Answer a message that was already accepted.

        The answer contains the message's number and the bot messages after it.
        """
        if accepted.digest != ticket.digest:
            ticket.fail(message_id_conflict(ticket.message_id))
            return
        engine = self._engine
        page = await engine.store.after(self._record.sender_id, accepted.seq, limit=engine.limits.page)
        engine.metrics.duplicates += 1
        ticket.accepted.set_result(Receipt(seq=accepted.seq, duplicate=True))
        for entry in page.entries if page is not None else ():
            if isinstance(entry.event, UserUttered):
                break
            ticket.entries.append(entry)


def _check(head: Head, ticket: Ticket) -> None:
    """Check that a message is meant for this log and that its sender still has access to the conversation.

    Raises:
        RequestError: `conversation_changed`, or an error that `Ticket.confirm` raises.
    """
    if ticket.epoch is not None and ticket.epoch != head.epoch:
        raise conversation_changed()
    if ticket.confirm is not None:
        ticket.confirm(head)


def _name_of(step: CallAction | Generate) -> tuple[str, str]:
    """Return what a step calls, and its name."""
    return ("action", step.name) if isinstance(step, CallAction) else ("response", step.response)


def _is_theirs(error: ActionError) -> bool:
    """Return whether the error was raised by the project's own code in this process."""
    return error.code == "action_failed" and error.__cause__ is not None
