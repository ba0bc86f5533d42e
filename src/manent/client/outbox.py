"""Stores unacknowledged messages in order.

Each message has a future for its acknowledgement. This module does no I/O.
"""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

RETRIED = frozenset({"busy", "server_closing", "internal_error", "not_connected"})
"""Codes of temporary refusals. The store's errors (`store_…`) are also temporary."""


class Refused(Exception):  # no suffix `Error`, because a refusal is a valid answer
    """The server refused a request.

    Attributes:
        code: stable code of the error. `docs/protocol.md` lists the codes.
        retry_after: seconds after which to retry. None if the server sent no time.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after = retry_after

    @classmethod
    def of(cls, answer: Json) -> "Refused":
        """Convert a server's error answer to a `Refused`."""
        error = answer.get("error") or {}
        return cls(str(error.get("code")), str(error.get("message")), error.get("retry_after"))

    @property
    def is_temporary(self) -> bool:
        """Return whether the same request can succeed later."""
        return self.code in RETRIED or self.code.startswith("store_") or self.retry_after is not None


@dataclass(slots=True, eq=False)
class Outgoing:
    """One message.

    `request` contains the session and the epoch in which the message was written. So the message is never stored in
    a conversation that was erased in the meantime.
    """

    request: Json
    accepted: "asyncio.Future[Json]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, answer: Json) -> None:
        """Resolve the future with the server's answer."""
        if not answer.get("ok"):
            self.refuse(Refused.of(answer))
        elif not self.accepted.done():
            self.accepted.set_result(answer)

    def refuse(self, refused: Refused) -> None:
        """Let the future raise this error."""
        if not self.accepted.done():
            self.accepted.set_exception(refused)
            self.accepted.exception()  # mark the exception as retrieved, because the caller can ignore the future


def new_message_id() -> str:
    """Return an id for a new message."""
    return secrets.token_hex(12)
