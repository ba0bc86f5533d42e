"""Messages that are not yet acknowledged, in order, each with a future for its acknowledgement. No I/O."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

RETRIED = frozenset({"busy", "server_closing", "internal_error", "not_connected"})
"""Codes of temporary refusals; those of the store (`store_…`) are temporary, too."""


class Refused(Exception):  # it has no suffix `Error`: it is an answer
    """The server refused a request.

    Attributes:
        code: stable, see docs/protocol.md.
        retry_after: seconds after which to retry; None if the server gave none.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after = retry_after

    @classmethod
    def of(cls, answer: Json) -> "Refused":
        """Return the refusal in an answer."""
        error = answer.get("error") or {}
        return cls(str(error.get("code")), str(error.get("message")), error.get("retry_after"))

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in RETRIED or self.code.startswith("store_") or self.retry_after is not None


@dataclass(slots=True, eq=False)
class Outgoing:
    """One message.

    `request` has the session and epoch of the time of writing, so that it is not sent to an erased conversation.
    """

    request: Json
    accepted: "asyncio.Future[Json]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, answer: Json) -> None:
        """Resolve the future with the server's answer."""
        if self.accepted.done():
            return
        if answer.get("ok"):
            self.accepted.set_result(answer)
        else:
            self.accepted.set_exception(Refused.of(answer))
            self.accepted.exception()  # marks it as retrieved: the caller may ignore the future


def new_message_id() -> str:
    """Return an id for a new message."""
    return secrets.token_hex(12)
