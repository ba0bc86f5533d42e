"""Defines tickets of submitted messages and causes of turns.

`Conversation.submit` creates a ticket, `TurnRunner` processes it, and channels await it. A ticket is independent of the
store and of the wire format.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from manent.core.conversation_log import FireReminder, Head, LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.core.messages import UserMessage
from manent.runtime.assistant import Assistant

T = TypeVar("T")

_UNAVAILABLE = 503


class Outcome(Generic[T]):
    """A result that any number of tasks can await. Cancelling such a task does not affect the result.

    An ordinary future is cancelled together with a task that awaits it, for example by a time limit. A ticket would
    then look as if its message was already accepted or answered.
    """

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the result, and return it or raise the error."""
        return asyncio.shield(self._future).__await__()

    def done(self) -> bool:
        """Return whether there is a result or an error."""
        return self._future.done()

    def result(self) -> T:
        """Return the result, or raise the error. Call it only when `done`."""
        return self._future.result()

    def exception(self) -> BaseException | None:
        """Return the error, or None. Call it only when `done`."""
        return self._future.exception()

    def add_done_callback(self, call: Callable[[Any], object]) -> None:
        """Let `call` be called with a future when there is a result or an error."""
        self._future.add_done_callback(call)

    def set_result(self, result: T) -> None:
        """Set the result."""
        self._future.set_result(result)

    def set_exception(self, error: Exception) -> None:
        """Set the error. It is not logged if no task awaits it."""
        self._future.set_exception(error)
        self._future.exception()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The confirmation that a message was accepted.

    Attributes:
        seq: number of its user event.
        duplicate: whether the message had been accepted before.
    """

    seq: int
    duplicate: bool = False


@dataclass(slots=True, eq=False)
class Ticket:
    """A submitted message.

    Attributes:
        message: the message.
        message_id: id of the message, from the client or generated.
        digest: SHA-256 of the text and the ids of files. A message with the same id and another digest is rejected.
            None if the server generated the id. No client can send such an id again, so it is not stored.
        epoch: the epoch that the client expects. None means any epoch.
        accepted: resolves when the message is durable, or fails with the error if the message was rejected.
        finished: resolves with the committed visible entries when the turn has ended. It never fails.
        confirm: called with the head of the log. It raises an error if the sender no longer has access to the
            conversation.
        entries: visible entries that were committed so far.
        error: the error that ended the turn, before or after acceptance.
        arrived: value of `time.perf_counter` at submission.
        span: span of the request that submitted the message, if it is traced (`Spans.current`).
    """

    message: UserMessage
    message_id: str
    digest: bytes | None
    epoch: str | None
    accepted: Outcome[Receipt]
    finished: Outcome[list[LogEntry]]
    confirm: Callable[[Head], None] | None = None
    entries: list[LogEntry] = field(default_factory=list)
    error: ManentError | None = None
    arrived: float = field(default_factory=time.perf_counter)
    span: Any = None

    def fail(self, error: ManentError) -> None:
        """End the ticket with an error. `accepted` raises it unless the message was accepted.

        After status 503, clients send the message again. An accepted message is stored, so its error has status 500.
        """
        if self.accepted.done() and error.status == _UNAVAILABLE:
            error = RequestError(
                error.code, f"the message is stored, but its answer is not complete: {error.message}", status=500
            )
        self.error = error
        if not self.accepted.done():
            self.accepted.set_exception(error)
        self.finish()

    def finish(self) -> None:
        """Resolve `finished` with the committed entries."""
        if not self.finished.done():
            self.finished.set_result(self.entries)


class OperatorMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of an operator as the store accepts it.

    Attributes:
        message_id: its id among the accepted messages of the conversation.
        digest: SHA-256 of its content. The same id with another digest is rejected.
    """

    message_id: str
    digest: bytes


@dataclass(slots=True, eq=False, kw_only=True)
class TurnCause:
    """The cause of a turn. The turn's first commit contains data that depend on the cause.

    Attributes:
        ticket: the message that the turn answers.
        reminder: the reminder that the first commit fires.
        schedules_reminders: whether reminder events of the turn have an effect.
        operator_message: the message of an operator that the turn adds. Its id cannot be used again.
        is_written: whether the log contains a part of the turn.
        entries: visible entries that were committed so far, including those of an open turn that was finished first.
        parsed: the NLU result and the assistant that computed it, which are reused if the turn runs again.
    """

    ticket: Ticket | None = None
    reminder: FireReminder | None = None
    schedules_reminders: bool = True
    operator_message: OperatorMessage | None = None
    is_written: bool = False
    entries: list[LogEntry] = field(default_factory=list)
    parsed: tuple[Assistant, Json] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the turn must not start again, because the log already contains its beginning."""
        return self.ticket.accepted.done() if self.ticket is not None else self.is_written


class Erased(RequestError):
    """The conversation was erased while one of its turns waited for an action."""

    def __init__(self) -> None:
        super().__init__("conversation_changed", "the conversation was erased", status=409)


class BusyElsewhere(RequestError):
    """Another running server is processing a turn of the conversation."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("busy", "another server is processing this conversation", status=503, retry_after=retry_after)


def conversation_changed() -> RequestError:
    """Return the error for a request whose log was erased or replaced."""
    return RequestError(
        "conversation_changed", "the conversation was erased or replaced; request the session again", status=409
    )


def server_closing() -> RequestError:
    """Return the error for a message that arrives during shutdown."""
    return RequestError("server_closing", "the server is shutting down", status=503, retry_after=1.0)


def message_id_conflict(message_id: str) -> RequestError:
    """Return the error for a message id that was used with another text."""
    return RequestError(
        "message_id_conflict",
        f"message_id {message_id!r} was already used for another text in this conversation",
        status=409,
    )
