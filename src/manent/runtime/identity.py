"""Who may join, read, speak in, reset and erase a conversation: the one place where that is asked.

Decisions only; the caller brings what the store knows. Modes (`protocol.md`, "Who may join a conversation"):
`open` (Rasa's: who names an id has it) and `minted` (the server makes ids and hands out a token with each).
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from manent.core.errors import RequestError

Mode = Literal["open", "minted"]

MAX_ID = 255
"""Characters of a session id; the database column's width in Rasa's own store."""

_MINTED_FORM = re.compile(r"[0-9a-f]{32}(\..*)?", re.DOTALL)
"""What every minted id looks like, with or without its token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Somebody may use this conversation. `token` proves it again next time (minted mode), None in open mode."""

    sender_id: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """The configured mode and its key.

    Attributes:
        mode: see the module.
        secret: key of the session tokens, at least 16 bytes.
        guards_minted: another channel of this server mints ids; in open mode, those still need their token.
    """

    mode: Mode = "open"
    secret: bytes = b""
    guards_minted: bool = False

    def new(self) -> Admission:
        """Return a fresh conversation's id (128 random bits) and its token."""
        return self._admission(secrets.token_hex(16))

    def admit(self, session_id: Any, session_token: Any = None) -> Admission:
        """Decide whether the bearer may use the conversation that they name; None names a new one.

        Args:
            session_id: as the client sent it, of any type. In minted mode `"<id>.<token>"` is accepted too, which is
                what plain clients were confirmed and keep.
            session_token: as the client sent it.

        Raises:
            RequestError: `bad_session_id` (wrong type, empty, too long) or `forbidden` (no or a wrong token).
        """
        if session_id is None:
            return self.new()
        sender_id = checked_id(session_id)
        if self.mode == "open" and not (self.guards_minted and _MINTED_FORM.fullmatch(sender_id)):
            return Admission(sender_id=sender_id)
        if session_token is None and "." in sender_id:
            sender_id, _, session_token = sender_id.rpartition(".")
        expected = self._token(sender_id)
        given = session_token if isinstance(session_token, str) else ""
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise RequestError(
                "forbidden",
                "this conversation is not yours: send the session_token that came with its session_id,"
                " or no session_id to begin a new one",
                status=403,
            )
        return Admission(sender_id=sender_id, token=expected)

    def confirmation(self, admission: Admission) -> str:
        """Return what a plain client is confirmed, stores, and sends as its `session_id` from then on."""
        return admission.sender_id if admission.token is None else f"{admission.sender_id}.{admission.token}"

    def _admission(self, sender_id: str) -> Admission:
        return Admission(sender_id=sender_id, token=None if self.mode == "open" else self._token(sender_id))

    def _token(self, sender_id: str) -> str:
        digest = hmac.digest(self.secret, b"session:" + sender_id.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def checked_id(session_id: Any) -> str:
    """Return the id if it can name a conversation.

    Raises:
        RequestError: `bad_session_id`.
    """
    if not isinstance(session_id, str):
        raise RequestError(
            "bad_session_id", f"session_id must be a string; found {type(session_id).__name__}", status=400
        )
    if not session_id:
        raise RequestError("bad_session_id", "session_id must not be empty", status=400)
    if len(session_id) > MAX_ID:
        raise RequestError(
            "bad_session_id", f"session_id may have {MAX_ID} characters; found {len(session_id)}", status=400
        )
    try:
        session_id.encode()
    except UnicodeEncodeError as error:
        raise RequestError("bad_session_id", "session_id is not valid Unicode", status=400) from error
    return session_id
