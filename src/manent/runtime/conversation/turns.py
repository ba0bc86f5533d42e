"""Performs turns: `dialogue/turn.py` decides, this module asks whoever it wants asked, and commits.

A conversation calls it with its mailbox's next job in hand, alone with the conversation: `take` for a message, `decide`
for anything else that begins a turn, `take_in` for events that no turn decides. A turn that needs nobody outside is one
commit. Before somebody outside is asked (a custom action, a text generator), what there is so far is committed with a
lease, so that after a crash this server or its heir goes on from there (`finish_open_turn`).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from manent.core.conversation_log import Accepted
from manent.core.errors import ActionError, InternalError, ManentError
from manent.core.events import Event, Json, UserUttered
from manent.core.tracker import Tracker, WindowExceeded
from manent.dialogue.turn import CallAction, Finished, Generate, Step, Turn, Understand
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.numbering import Copied
from manent.runtime.conversation.record import LEASE_S
from manent.runtime.conversation.ticket import (
    AtWorkElsewhere,
    Erased,
    Occasion,
    Receipt,
    Ticket,
    conversation_changed,
    message_id_conflict,
)
from manent.runtime.measures import turn_id
from manent.runtime.ports.store import DuplicateMessage, VersionConflict

if TYPE_CHECKING:
    from manent.runtime.conversation.conversation import Conversation

log = logging.getLogger("manent.conversation")

ATTEMPTS = 5
"""How often a turn is decided again because another server was faster."""

TYPING_AFTER_S = 0.3
TYPING_EVERY_S = 5.0


async def take(conversation: "Conversation", ticket: Ticket) -> None:
    """See one message through: accepted, answered, published; or failed, visibly for its sender."""
    if ticket.finished.done():  # refused while it waited
        return
    turn_id.set(ticket.message_id)
    conversation.home.measures.queued.observe(time.perf_counter() - ticket.arrived)
    try:
        await decide(conversation, lambda turn: turn.start(ticket.message), Occasion(ticket=ticket))
    except DuplicateMessage as duplicate:
        conversation.record.forget()
        await _repeat(conversation, ticket, duplicate.accepted)
    except Erased as error:
        conversation.record.forget()
        ticket.fail(error)
    except AtWorkElsewhere as error:
        if ticket.accepted.done():  # our lease ran out; the answer comes from whoever took the turn over
            conversation.record.forget()
            ticket.fail(error)
        else:
            _report(conversation, ticket, error)
    except ManentError as error:
        _report(conversation, ticket, error)
    except Exception as error:
        told = {"sender_id": conversation.sender_id, "message_id": ticket.message_id}
        log.exception("turn failed", extra=told)
        fault = InternalError("internal_error", f"the message could not be handled: {type(error).__name__}")
        _report(conversation, ticket, fault)
        await _abandon(conversation)
    finally:
        ticket.finish()


async def decide(conversation: "Conversation", begin: Callable[[Turn], Step], occasion: Occasion) -> None:
    """Run a turn to its end, after the one that may be open.

    A turn that was begun when another server took the log over is not begun again: whoever won goes on with it.

    Args:
        conversation: alone with it.
        begin: calls the turn's entry point.
        occasion: what the turn is the answer to.

    Raises:
        RequestError: whatever the turn refuses; `busy` when another server is at work.
        DuplicateMessage: its message was accepted before; nothing was written.
        ReminderGone: the reminder was used up or cancelled meanwhile; nothing was written.
        VersionConflict: another server was faster, however often it was tried.
        StoreError: it was not written.
    """

    async def work() -> None:
        _check(conversation, occasion.ticket)
        await finish_open_turn(conversation)
        if not occasion.begun:
            await _run(conversation, begin, occasion)

    await _until_decided(conversation, work)


async def take_in(
    conversation: "Conversation", make: Callable[[Tracker], tuple[Sequence[Event], Copied | None]]
) -> None:
    """Append events that no turn decides (a claimed conversation's).

    Args:
        conversation: alone with it.
        make: called with the tracker, again after a conflict; returns the events and where they are copied from.

    Raises:
        DuplicateMessage: the copy was made before; nothing was written.
        VersionConflict: another server was faster, however often it was tried.
        StoreError: nothing was written.
    """

    async def work() -> None:
        await finish_open_turn(conversation)
        _, tracker = await conversation.record.load()
        events, copied = make(tracker)
        for event in events:
            tracker.update(event)
        await conversation.commit(events, Occasion(), open_turn=False, copied=copied)

    await _until_decided(conversation, work)


async def recover(conversation: "Conversation") -> None:
    """Finish the open turn, if there is one; called at start and when a lease has run out.

    Raises:
        ManentError: somebody else is at it, or it could not be written.
    """
    try:
        await _until_decided(conversation, lambda: finish_open_turn(conversation))
    except ManentError:
        raise
    except Exception:
        log.exception("an open turn failed again", extra={"sender_id": conversation.sender_id})
        await _abandon(conversation)


async def finish_open_turn(conversation: "Conversation") -> None:
    """Go on with a turn that a crash, or another server's death, left unfinished.

    Raises:
        RequestError: `busy`; another living server is at work on it.
    """
    record, home = conversation.record, conversation.home
    head, _ = await record.load()
    if not head.open_turn:
        return
    lease = head.lease
    if lease is not None and lease.owner != home.owner and not home.may_take_over(lease):
        raise AtWorkElsewhere(min(LEASE_S, 2.0))
    log.info("finishing an open turn", extra={"sender_id": conversation.sender_id, "seq": head.version})
    await _run(conversation, lambda turn: turn.resume(record.output_channel()), Occasion())


async def _until_decided(conversation: "Conversation", work: Callable[[], Awaitable[None]]) -> None:
    """Do work that reads the record and appends to it, again when that turns out to be out of date or too short."""
    record = conversation.record
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await record.load()
            await work()
        except VersionConflict:
            record.forget()
            if attempt == ATTEMPTS:
                raise
        except WindowExceeded:
            record.forget(deeper=True)
        else:
            return
    raise InternalError("internal_error", "the turn could not be decided, however often it was tried")


def _check(conversation: "Conversation", ticket: Ticket | None) -> None:
    """Hold a message against the log that it would go into.

    Raises:
        RequestError: it was meant for another one, or its sender may not speak here any more.
    """
    head = conversation.record.head
    if ticket is not None and head is not None:
        if ticket.epoch is not None and ticket.epoch != head.epoch:
            raise conversation_changed()
        if ticket.confirm is not None:
            ticket.confirm(head)


async def _run(conversation: "Conversation", begin: Callable[[Turn], Step], occasion: Occasion) -> None:
    """Drive one turn to its end, performing what it asks for."""
    home, measures, started = conversation.home, conversation.home.measures, time.perf_counter()
    assistant = home.assistant
    _, tracker = await conversation.record.load()
    tracker.domain = assistant.domain
    turn = Turn(assistant.dialogue, tracker, home.env(assistant))
    failure: ActionError | None = None
    step = begin(turn)
    while not isinstance(step, Finished):
        if isinstance(step, Understand):
            step = turn.feed(await _understand(conversation, assistant, step.text, occasion))
            continue
        await conversation.commit(turn.take_events(), occasion, open_turn=True)
        asked = time.perf_counter()
        try:
            step = turn.feed(await _outside(conversation, step, occasion))
        except ActionError as error:
            told = {"sender_id": conversation.sender_id, "code": error.code, "error": error.message}
            log.warning("action failed", extra=told)
            failure = error
            step = turn.fail(error)
        finally:
            measures.outside.observe(time.perf_counter() - asked)
    await conversation.commit(turn.take_events(), occasion, open_turn=False)
    if failure is not None:
        _tell_failure(conversation, failure, occasion.ticket)
    measures.turns.observe(time.perf_counter() - started)
    conversation.record.trim()


async def _understand(conversation: "Conversation", assistant: Assistant, text: str, occasion: Occasion) -> Json:
    """Return what the assistant makes of the occasion's message; not made anew when the turn is decided again."""
    if occasion.understood is None or occasion.understood[0] is not assistant:
        asked = time.perf_counter()
        occasion.understood = assistant, await conversation.home.understand(assistant, text)
        conversation.home.measures.understood.observe(time.perf_counter() - asked)
    return occasion.understood[1]


async def _outside(conversation: "Conversation", step: CallAction | Generate, occasion: Occasion) -> object:
    """Ask somebody outside, while the lease is renewed and visitors see that the bot is at work.

    Raises:
        Erased: meanwhile the conversation was; the answer is not waited for.
    """
    asked = asyncio.ensure_future(conversation.home.ask(conversation.record, step))
    cut = conversation.cut = asyncio.get_running_loop().create_future()
    typing_at: float = TYPING_AFTER_S
    renew_at = time.monotonic() + LEASE_S / 3
    try:
        while True:
            done, _ = await asyncio.wait({asked, cut}, timeout=typing_at, return_when=asyncio.FIRST_COMPLETED)
            if cut in done:
                raise Erased
            if done:
                return asked.result()
            typing_at = TYPING_EVERY_S
            for subscriber in tuple(conversation.subscribers):
                subscriber.typing(on=True)
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + LEASE_S / 3
                await conversation.commit([], occasion, open_turn=True)
    finally:
        conversation.cut = None
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError, ManentError):
            await asked


async def _abandon(conversation: "Conversation") -> None:
    """End the open turn after a fault of ours, visibly: trying it again would fail again, for ever."""
    record = conversation.record
    record.forget()
    try:
        head, _ = await record.load()
        if head.open_turn:
            await _run(conversation, lambda turn: turn.abandon(record.output_channel()), Occasion())
    except Exception:
        record.forget()
        log.exception("an open turn could not be ended", extra={"sender_id": conversation.sender_id})


def _tell_failure(conversation: "Conversation", failure: ActionError, ticket: Ticket | None) -> None:
    """Tell those who follow that the last thing the bot said stands for an action that could not be run.

    They learn its code; what exactly went wrong (an address, a trace) is for the log alone.
    """
    told = ActionError(failure.code, "the bot could not do what it was to do")
    head, message_id = conversation.record.head, ticket.message_id if ticket is not None else None
    for subscriber in tuple(conversation.subscribers):
        subscriber.failed(told, message_id=message_id, seq=head.visible if head is not None else None)


def _report(conversation: "Conversation", ticket: Ticket, error: ManentError) -> None:
    """Tell of an error: the sender when the message was not accepted, everybody when it was."""
    conversation.record.forget()
    if ticket.accepted.done():
        conversation.home.measures.failed += 1
        for subscriber in tuple(conversation.subscribers):
            subscriber.failed(error, message_id=ticket.message_id, seq=None)
    else:
        conversation.home.measures.refuse(error.code)
    ticket.fail(error)


async def _repeat(conversation: "Conversation", ticket: Ticket, accepted: Accepted) -> None:
    """Answer a message that was accepted before: the first one's number and what the bot said to it."""
    if accepted.digest != ticket.digest:
        ticket.fail(message_id_conflict(ticket.message_id))
        return
    home = conversation.home
    home.measures.duplicates += 1
    ticket.accepted.set_result(Receipt(seq=accepted.seq, duplicate=True))
    page = await home.store.after(conversation.sender_id, accepted.seq, limit=home.limits.page)
    for entry in page.entries if page is not None else ():
        if isinstance(entry.event, UserUttered):
            break
        ticket.entries.append(entry)
