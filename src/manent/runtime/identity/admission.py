"""Who may join, read, speak in, reset and erase a conversation: the one place where that is asked.

Modes (`protocol.md`, "Who may join a conversation"): `open` (Rasa's: who names an id has it), `minted` (the server
makes ids and hands out a token with each) and `jwt` (the subject of a JSON web token owns its conversations). Every
channel asks `authenticate` who calls, once a connection or request, and `admit` which conversation they may use. A
socket that has joined is a member: its requests compare ids and ask `check`, without the store; what they then read or
write is held against `confirm`, because the conversation may have changed hands meanwhile.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakValueDictionary

from manent.core.conversation_log import Head
from manent.core.errors import RequestError
from manent.runtime.identity.tokens import TokenVerifier, VerifiedToken
from manent.runtime.ports.store import ConversationStore
from manent.runtime.rate_limits import Rates

Mode = Literal["open", "minted", "jwt"]

MAX_ID = 255
"""Characters of a session id; the database column's width in Rasa's own store."""

_MINTED_FORM = re.compile(r"[0-9a-f]{32}(\..*)?", re.DOTALL)
"""What every minted id looks like, with or without its token."""

Claim = Callable[[str, str], Awaitable[str]]
"""Makes a subject the owner of an anonymous conversation; returns the id of the conversation that it goes on in."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        token: what they proved to be, None for anybody.
        address: where they ask from, as `rates.address_of` has it.
    """

    token: VerifiedToken | None = None
    address: str = ""

    @property
    def subject(self) -> str | None:
        """The subject of the token, None when there is none."""
        return None if self.token is None else self.token.subject


ANYBODY = Caller()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Somebody may use this conversation.

    Attributes:
        token: proves it again next time (minted mode), None in the other modes.
        owner: the subject that owns it (jwt mode).
        is_new: its id was made just now, so that no store can know it yet.
    """

    sender_id: str
    token: str | None = None
    owner: str | None = None
    is_new: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """The configured mode and what it decides by.

    Attributes:
        mode: see the module.
        secret: key of the session tokens, at least 16 bytes.
        guards_minted: another channel of this server mints ids; in open mode, those still need their token.
        guards_owned: another channel of this server knows owners; in the other modes, their conversations are shut.
        verifier: checks JSON web tokens; in open mode this is Rasa's `jwt_key`: a token, but no owners.
        anonymous: what becomes of callers without a token in jwt mode.
        store: looked into for owners; needed in jwt mode and to guard owned conversations.
        claim: what is done when a subject proves an anonymous conversation to be theirs; None: that is refused.
        rates: bounds how many conversations one address begins; in open mode, where ids are the clients' own,
            `sessions.py` asks it.
    """

    mode: Mode = "open"
    secret: bytes = b""
    guards_minted: bool = False
    guards_owned: bool = False
    verifier: TokenVerifier | None = None
    anonymous: Literal["refuse", "minted"] = "refuse"
    store: ConversationStore | None = None
    claim: Claim | None = None
    rates: Rates | None = None
    _first: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, compare=False)

    # who calls ------------------------------------------------------------------------------------------------------

    async def authenticate(self, token: Any, address: str = "") -> Caller:
        """Find out who calls.

        Args:
            token: a JSON web token as the client sent it, with or without `Bearer `; None for none. Looked at only
                when tokens are asked for.
            address: where the call comes from.

        Raises:
            RequestError: `not_authenticated`, or whatever is wrong with the token (`TokenVerifier.verify`).
        """
        if self.verifier is None:
            return Caller(address=address)
        if token is None or token == "":
            if self.mode == "jwt" and self.anonymous == "minted":
                return Caller(address=address)
            raise RequestError("not_authenticated", "a token is needed, and there is none", status=401)
        if not isinstance(token, str):
            raise RequestError("jwt_invalid", f"a token is a string; found {type(token).__name__}", status=401)
        return Caller(await self.verifier.verify(token.removeprefix("Bearer ").strip()), address)

    def check(self, caller: Caller) -> None:
        """Check a caller again who was authenticated before: the token may have run out or been revoked.

        Raises:
            RequestError: `jwt_expired` or `jwt_revoked`.
        """
        if caller.token is not None and self.verifier is not None:
            self.verifier.check(caller.token)

    # which conversation ---------------------------------------------------------------------------------------------

    async def new(self, caller: Caller = ANYBODY) -> Admission:
        """Return a fresh conversation's id (128 random bits), with its token or owned by the caller."""
        sender_id = secrets.token_hex(16)
        if self.mode == "jwt" and caller.subject is not None:
            return await self._own(sender_id, caller.subject, caller)
        if self.mode != "open":
            self._begin(caller)
        token = None if self.mode == "open" else self.token_of(sender_id)
        return Admission(sender_id=sender_id, token=token, is_new=True)

    async def admit(self, session_id: Any, session_token: Any = None, caller: Caller = ANYBODY) -> Admission:
        """Decide whether the caller may use the conversation that they name; None names their newest or a new one.

        Args:
            session_id: as the client sent it, of any type. `"<id>.<token>"` is accepted for a minted one, which is
                what plain clients were confirmed and keep.
            session_token: as the client sent it.
            caller: see `authenticate`.

        Raises:
            RequestError: `bad_session_id` (wrong type, empty, too long), `forbidden` (not theirs), or what `check`
                raises.
        """
        self.check(caller)
        sender_id = None if session_id is None else checked_id(session_id)
        if self.mode == "jwt":
            if caller.subject is not None:
                return await self._admit_subject(sender_id, session_token, caller.subject, caller)
            if self.anonymous == "refuse":
                raise RequestError("not_authenticated", "a token is needed, and there is none", status=401)
        if sender_id is None:
            return await self.new(caller)
        if self.mode == "open" and not (self.guards_minted and _MINTED_FORM.fullmatch(sender_id)):
            admission = Admission(sender_id=sender_id)
        else:
            sender_id, given = _split(sender_id, session_token)
            if not self._proves(sender_id, given):
                raise _forbidden()
            admission = Admission(sender_id=sender_id, token=self.token_of(sender_id))
        if self.guards_owned or self.mode == "jwt":
            head = await self._stored.head(admission.sender_id)
            if head is not None and head.owner is not None:
                raise _forbidden()
        return admission

    def confirm(self, admission: Admission, head: Head, beginner: Caller | None = None) -> None:
        """Check an earlier decision against the log as it was read just now: it may be somebody else's since.

        A conversation changes hands when it is claimed, and when its id is named anew after it was erased.

        Args:
            admission: the decision.
            head: of the log; one that is only about to be made has version 0.
            beginner: who begins it if it is new; in open mode nothing else tells that somebody does.

        Raises:
            RequestError: `forbidden`, or `too_many_requests`.
        """
        if beginner is not None and self.mode == "open" and head.version == 0:
            self._begin(beginner)
        if (self.mode == "jwt" or self.guards_owned) and head.owner != admission.owner:
            raise _forbidden()

    def confirmation(self, admission: Admission) -> str:
        """Return what a plain client is confirmed, stores, and sends as its `session_id` from then on."""
        return admission.sender_id if admission.token is None else f"{admission.sender_id}.{admission.token}"

    async def _admit_subject(self, named: str | None, session_token: Any, subject: str, caller: Caller) -> Admission:
        if named is None:
            return await self._newest(subject, caller)
        sender_id, given = _split(named, session_token)
        proved = self._proves(sender_id, given)
        if not proved:
            sender_id = named
        head = await self._stored.head(sender_id)
        if head is None:
            # an anonymous one that was never begun, or was merged: the subject goes on in its own
            return await (self._newest(subject, caller) if proved else self._own(sender_id, subject, caller))
        if head.owner is None and proved and self.claim is not None:
            return Admission(sender_id=await self.claim(sender_id, subject), owner=subject)
        if not _same(head.owner, subject):
            raise _forbidden()
        return Admission(sender_id=sender_id, owner=subject)

    async def _newest(self, subject: str, caller: Caller) -> Admission:
        """Return the subject's newest conversation; two tabs that come first at once get the same one."""
        async with self._first.setdefault(subject, asyncio.Lock()):
            newest = await self._stored.conversations(owner=subject, limit=1)
            if newest:
                return Admission(sender_id=newest[0].sender_id, owner=subject)
            return await self._own(secrets.token_hex(16), subject, caller)

    async def _own(self, sender_id: str, subject: str, caller: Caller) -> Admission:
        self._begin(caller)
        now = time.time()
        head = await self._stored.create(
            Head(sender_id=sender_id, epoch=secrets.token_hex(8), owner=subject, started=now, updated=now)
        )
        if not _same(head.owner, subject):  # somebody was faster
            raise _forbidden()
        return Admission(sender_id=sender_id, owner=subject)

    def _begin(self, caller: Caller) -> None:
        if self.rates is not None:
            self.rates.begin(caller.address, caller.subject)

    @property
    def _stored(self) -> ConversationStore:
        assert self.store is not None  # noqa: S101  # the modes that get here are made with one
        return self.store

    def _proves(self, sender_id: str, given: Any) -> bool:
        if not self.secret or not isinstance(given, str):
            return False
        return hmac.compare_digest(given.encode(errors="replace"), self.token_of(sender_id).encode())

    def token_of(self, sender_id: str) -> str:
        """Return what proves that a conversation is one's own, where nothing else does."""
        digest = hmac.digest(self.secret, b"session:" + sender_id.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _split(sender_id: str, session_token: Any) -> tuple[str, Any]:
    """Take `"<id>.<token>"` apart, unless the token came on its own."""
    if session_token is None and "." in sender_id:
        sender_id, _, session_token = sender_id.rpartition(".")
    return sender_id, session_token


def _same(owner: str | None, subject: str) -> bool:
    return owner is not None and hmac.compare_digest(owner.encode(), subject.encode())


def _forbidden() -> RequestError:
    return RequestError(
        "forbidden",
        "this conversation is not yours: send the session_token that came with its session_id,"
        " or no session_id to begin a new one",
        status=403,
    )


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
    if "\0" in session_id:
        raise RequestError("bad_session_id", "session_id must not contain the character NUL", status=400)
    try:
        session_id.encode()
    except UnicodeEncodeError as error:
        raise RequestError("bad_session_id", "session_id is not valid Unicode", status=400) from error
    return session_id
