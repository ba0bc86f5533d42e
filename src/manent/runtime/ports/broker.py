"""The interface to an event broker (`event_broker:` in `endpoints.yml`). `brokers/` implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to an event broker.

    Attributes:
        sender_id: key of the conversation to which the event belongs.
        key: identifies the message. A repeated message has the same key.
        body: the event as JSON, including `sender_id`.
    """

    sender_id: str
    key: str
    body: bytes


class Broker(Protocol):
    """Publishes committed events to systems outside this server."""

    async def connect(self) -> None:
        """Connect, unless a connection exists already.

        Raises:
            BrokerError: the broker cannot be reached.
        """

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages in order. When this method returns, the broker has stored all messages.

        Raises:
            BrokerError: the broker has possibly stored only some of the messages. The caller must publish all of them
                again.
        """

    async def close(self) -> None:
        """Close connections and files."""
