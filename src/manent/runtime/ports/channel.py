"""The interface to channels that can send messages without a request from the client (callback)."""

from collections.abc import Sequence
from typing import Protocol

from manent.core.conversation_log import LogEntry


class Output(Protocol):
    """An output channel that can send at any time."""

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Send the bot messages in these committed entries, in order.

        Raises:
            RequestError: the messages could not be sent.
        """
