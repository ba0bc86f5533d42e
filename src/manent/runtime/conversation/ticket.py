"""A message on its way through a conversation: who waits for it, and what a turn is the answer to.

Made by `Conversation.submit`, seen through by `turns.py`, awaited by the channels. Knows no store and no wire.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from manent.core.conversation_log import FireReminder, Head, LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.core.messages import UserMessage
from manent.runtime.assistant import Assistant


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A message was accepted: its user event is number `seq`; `duplicate`: it had been before."""

    seq: int
    duplicate: bool = False


@dataclass(slots=True, eq=False)
class Ticket:
    """A submitted message.

    Attributes:
        digest: SHA-256 of the text, by which the same id with another text is recognised; None when the id is ours:
            nobody knows it who could send it again, so no store has to keep it.
        epoch: of the log that the message is meant for; None: whichever there is.
        confirm: asked, with the log's head in hand, whether its sender may still speak here; raises if not.
        accepted: resolves when the message is durable, or fails with what is wrong with it.
        finished: resolves when its turn is over, with the visible entries that it committed. Never fails.
        error: what went wrong, before or after acceptance.
        arrived: on the clock that turns are timed with.
    """

    message: UserMessage
    message_id: str
    digest: bytes | None
    epoch: str | None
    accepted: asyncio.Future[Receipt]
    finished: asyncio.Future[list[LogEntry]]
    confirm: Callable[[Head], None] | None = None
    entries: list[LogEntry] = field(default_factory=list)
    error: ManentError | None = None
    arrived: float = field(default_factory=time.perf_counter)

    def fail(self, error: ManentError) -> None:
        """End the ticket with an error, which whoever awaits `accepted` gets."""
        self.error = error
        if not self.accepted.done():
            self.accepted.set_exception(error)
            self.accepted.exception()  # a sender that left meanwhile is no reason for a warning
        self.finish()

    def finish(self) -> None:
        """The turn is over."""
        if not self.finished.done():
            self.finished.set_result(self.entries)


@dataclass(slots=True, eq=False, kw_only=True)
class Occasion:
    """What a turn's events are the answer to.

    Attributes:
        ticket: the message that is the first user event among them.
        fires: the reminder that is used up with the first commit.
        schedules: reminder events among them count.
        written: some of them are in the log.
        understood: what an assistant made of the message, for when the turn has to be decided again.
    """

    ticket: Ticket | None = None
    fires: FireReminder | None = None
    schedules: bool = True
    written: bool = False
    understood: tuple[Assistant, Json] | None = None

    @property
    def begun(self) -> bool:
        """The turn must not begin again: what is in the log says how it goes on, whoever does that."""
        return self.ticket.accepted.done() if self.ticket is not None else self.written


class Erased(RequestError):
    """The conversation was erased while one of its turns waited for somebody outside."""

    def __init__(self) -> None:
        super().__init__("conversation_changed", "the conversation was erased", status=409)


def conversation_changed() -> RequestError:
    """Return the error of a request that was meant for a log which has been erased or replaced since."""
    return RequestError(
        "conversation_changed", "the conversation was erased or replaced; ask for the session again", status=409
    )


class AtWorkElsewhere(RequestError):
    """Another living server is at work on the conversation's turn."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("busy", "another server is at work on this conversation", status=503, retry_after=retry_after)


def server_closing() -> RequestError:
    """Return the error of a message that came too late: the server is ending, another or the next one takes it."""
    return RequestError("server_closing", "the server is shutting down", status=503, retry_after=1.0)


def message_id_conflict(message_id: str) -> RequestError:
    """Return the error of a message id that was used for another text."""
    return RequestError(
        "message_id_conflict",
        f"message_id {message_id!r} was used for another text in this conversation",
        status=409,
    )
