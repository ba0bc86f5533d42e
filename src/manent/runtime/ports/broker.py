"""The interface to an event broker (`event_broker:` in `endpoints.yml`). `brokers/` implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to an event broker.

    Attributes:
        sender_id: conversation to which the event belongs.
        key: identifies the message. A message that is published again has the same key.
        body: the event as JSON, including `sender_id`.
    """

    sender_id: str
    key: str
    body: bytes


class Broker(Protocol):
    """Delivers committed events to subscribers outside this server."""

    async def connect(self) -> None:
        """Connect, unless there already is a connection.

        Raises:
            BrokerError: the broker cannot be reached.
        """

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages in order. When this method returns, the broker has stored all of them.

        Raises:
            BrokerError: some messages may have been stored; the caller must publish all of them again.
        """

    async def close(self) -> None:
        """Close connections and files."""
