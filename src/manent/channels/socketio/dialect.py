"""The interface between a connection and the dialect of its client: Rasa's own protocol, or protocol 1.

`plain.py` and `protocol1.py` implement `Dialect`. Each connection has an object of each dialect. It uses the plain one
until a `session_request` selects the other one (`Connection.follow`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.runtime.conversation.feed import AgentTyping, Failed, HandlerChanged, Moved, Typing
from manent.runtime.conversation.ticket import Receipt, Ticket

OtherNews: TypeAlias = Typing | AgentTyping | HandlerChanged | Moved | Failed
"""News of a conversation other than entries of its log."""


class Request(NamedTuple):
    """An unchecked event from a client.

    Attributes:
        ack: number of the acknowledgement, or None if the client requested none.
        size: number of characters of the packet.
    """

    event: Any
    payload: Any
    ack: int | None
    size: int


class Dialect(Protocol):
    """The dialect of one connection, with its state.

    Attributes:
        protocol: version of the session protocol, or 0 for plain Rasa clients.
    """

    protocol: int

    def claims(self, request: Request) -> bool:
        """Return whether this dialect serves a request even while the connection uses the other dialect."""

    def speak(self, request: Request) -> Ticket | None:
        """Submit a message of an admitted sender without waiting. Return None if the request must be queued.

        Raises:
            RequestError: the message is malformed, or the conversation cannot accept it.
        """

    def accepted(self, request: Request, receipt: Receipt) -> None:
        """Confirm a message that `speak` submitted and that is stored now."""

    async def serve(self, request: Request) -> None:
        """Serve a request and send the response.

        Raises:
            RequestError: the request is rejected. The connection then calls `refuse`.
        """

    def refuse(self, error: ManentError, request: Request) -> None:
        """Send the error for a request."""

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Send new committed entries, oldest first."""

    def notify(self, news: OtherNews) -> None:
        """Send changes of the conversation other than new log entries."""

    def ended(self, reason: str) -> None:
        """Send the reason why the server closes the connection: `expired` or `revoked`."""

    def is_settled(self) -> bool:
        """Return whether the client has confirmed all replies or never confirms replies.

        If not, request a confirmation now.
        """

    def left(self) -> None:
        """Discard the state of a conversation that the connection no longer follows."""


def names_protocol(payload: Any) -> bool:
    """Return whether a `session_request` contains a protocol version, unlike those of plain clients."""
    return isinstance(payload, dict) and "protocol" in payload


def error_of(answer: Json, payload: Any) -> Json:
    """Return the `error` event for a rejected request, with the request's message id."""
    error: Json = dict(answer["error"])
    if isinstance(payload, dict) and isinstance(payload.get("message_id"), str):
        error["message_id"] = payload["message_id"]
    return error
