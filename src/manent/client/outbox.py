"""Messages that were said and not yet acknowledged, in order. Pure, but for the futures that tell how it went."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

RETRIED = frozenset({"busy", "server_closing", "internal_error", "not_connected"})
"""Codes of refusals that pass; the store's (`store_…`) do, too."""


class Refused(Exception):  # not an error of the program but an answer
    """The server refused a request.

    Attributes:
        code: stable, see docs/protocol.md.
        retry_after: seconds after which it may be asked again, None when the server named none.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after = retry_after

    @classmethod
    def of(cls, answer: Json) -> "Refused":
        """Read a refusal."""
        error = answer.get("error") or {}
        return cls(str(error.get("code")), str(error.get("message")), error.get("retry_after"))

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in RETRIED or self.code.startswith("store_") or self.retry_after is not None


@dataclass(slots=True, eq=False)
class Outgoing:
    """One message. `request` keeps the session and epoch it was written for, so that an erased text never returns."""

    request: Json
    accepted: "asyncio.Future[Json]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, answer: Json) -> None:
        """Take the server's last word."""
        if self.accepted.done():
            return
        if answer.get("ok"):
            self.accepted.set_result(answer)
        else:
            self.accepted.set_exception(Refused.of(answer))
            self.accepted.exception()  # the caller may not look


def new_message_id() -> str:
    """Return an id for a new message."""
    return secrets.token_hex(12)
