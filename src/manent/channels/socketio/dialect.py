"""The interface between a connection and the dialect of its client: Rasa's own protocol, or protocol 1.

`plain.py` and `protocol1.py` implement `Dialect`. Each connection has both dialects. One of them is current. This is
the plain one until a `session_request` changes it (`Connection.follow`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.runtime.conversation.feed import Failed, Moved, Typing
from manent.runtime.conversation.ticket import Receipt, Ticket


class Request(NamedTuple):
    """One event from a client, not yet checked.

    Attributes:
        ack: number of the acknowledgement. None: the client did not ask for one.
        size: number of characters of the packet.
    """

    event: Any
    payload: Any
    ack: int | None
    size: int


class Dialect(Protocol):
    """One client's dialect, with the state that only this dialect has.

    Attributes:
        protocol: version of the session protocol, or 0 for plain Rasa clients.
    """

    protocol: int

    def claims(self, request: Request) -> bool:
        """Return whether this dialect serves a request even if the other one is current."""

    def speak(self, request: Request) -> Ticket | None:
        """Submit a message whose sender is already admitted, without waiting.

        Return None if the request must be queued.

        Raises:
            RequestError: the message is malformed, or its conversation does not accept it.
        """

    def accepted(self, request: Request, receipt: Receipt) -> None:
        """Answer a message that `speak` submitted, now that it is stored."""

    async def serve(self, request: Request) -> None:
        """Serve a request and send its answer.

        Raises:
            RequestError: the request is refused. The connection then calls `refuse`.
        """

    def refuse(self, error: ManentError, request: Request) -> None:
        """Send the error for a request."""

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Send committed entries that the client does not have yet, oldest first."""

    def notify(self, news: Typing | Moved | Failed) -> None:
        """Send news of the conversation other than entries of its log."""

    def ended(self, reason: str) -> None:
        """Send the reason why the server is about to close the connection: `expired` or `revoked`."""

    def is_settled(self) -> bool:
        """Return whether the client confirmed what was sent, or never does so. If not, ask it to confirm now."""

    def left(self) -> None:
        """Discard the state of the conversation: the connection no longer follows it."""


def names_protocol(payload: Any) -> bool:
    """Return whether a `session_request` names a protocol. Plain clients name none."""
    return isinstance(payload, dict) and "protocol" in payload


def error_of(answer: Json, payload: Any) -> Json:
    """Return the `error` event for a refused request, with the message id that the request named."""
    error: Json = dict(answer["error"])
    if isinstance(payload, dict) and isinstance(payload.get("message_id"), str):
        error["message_id"] = payload["message_id"]
    return error
