"""Decides who has access to a conversation and can read, write, reset and erase it.

Modes (`protocol.md`, "Who may join a conversation"): `open` (as in Rasa, the session id is sufficient), `minted` (the
server generates session ids and a token for each) and `jwt` (the subject of a JSON web token owns its conversations).
Channels call `authenticate` once per connection or request, and `admit` for the conversation. After a socket has
joined, access checks do not read the store: `Sessions` compares the ids and calls `check`. After a request has read the
log, `confirm` checks access again, because the owner can change in the meantime.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakValueDictionary

from manent.core.conversation_log import Head
from manent.core.errors import RequestError
from manent.core.postbox import OPEN_CHANNELS
from manent.core.secret_text import is_same
from manent.runtime.identity.modes import Mode
from manent.runtime.identity.tokens import TokenVerifier, VerifiedToken
from manent.runtime.ports.store import ConversationStore
from manent.runtime.rate_limits import Rates

MAX_ID = 255
"""Maximum number of characters of a session id. Rasa's tracker store has a database column of this width."""

_MINTED_FORM = re.compile(r"[0-9a-f]{32}(\..*)?", re.DOTALL)
"""Format of a session id that the server generated, with or without its token."""

Claim = Callable[[str, str], Awaitable[str]]
"""Function that makes a subject the owner of an anonymous conversation.

It returns the id of the conversation to continue.
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated sender of a request.

    Attributes:
        token: the verified token. None if no token was sent or needed.
        address: the client's address from `rate_limits.address_of`.
    """

    token: VerifiedToken | None = None
    address: str = ""

    @property
    def subject(self) -> str | None:
        """The subject of the token, or None without a token or subject."""
        return None if self.token is None else self.token.subject


ANYBODY = Caller()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Access to a conversation that was granted to a caller.

    Attributes:
        sender_id: the conversation.
        token: session token that grants the client access in later requests (minted mode). None in other modes.
        owner: the subject that owns the conversation (jwt mode).
        is_new: whether the id was generated for this request, which means that the store does not contain it.
    """

    sender_id: str
    token: str | None = None
    owner: str | None = None
    is_new: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Access control of one channel.

    Attributes:
        mode: `open`, `minted` or `jwt`.
        secret: key of the session tokens, at least 16 bytes.
        guards_minted: whether another channel of this server is in minted mode. If so, open mode also requires the
            token of a minted id.
        guards_owned: whether another channel of this server is in jwt mode. If so, other modes deny access to
            conversations that have an owner.
        channel: name of the channel.
        shared_with: the channels that have access to the conversations of each messenger channel. None if no
            conversation belongs to a messenger channel.
        verifier: checks JSON web tokens. With a verifier, open mode (Rasa's `jwt_key`) requires a token, but its
            subject owns no conversations.
        anonymous: how callers without a token are treated in jwt mode.
        store: contains the owners. It is required in jwt mode and with `guards_owned`.
        claim: function that is called if a subject sends the session token of an anonymous conversation. None if claims
            are rejected.
        rates: limits the number of conversations that one address starts. In open mode, where clients choose ids,
            `protocol1.py` checks this limit.
    """

    mode: Mode = "open"
    secret: bytes = b""
    guards_minted: bool = False
    guards_owned: bool = False
    channel: str = "socketio"
    shared_with: Mapping[str, frozenset[str]] | None = None
    verifier: TokenVerifier | None = None
    anonymous: Literal["refuse", "minted"] = "refuse"
    store: ConversationStore | None = None
    claim: Claim | None = None
    rates: Rates | None = None
    _first: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, compare=False)

    async def authenticate(self, token: Any, address: str = "") -> Caller:
        """Authenticate the sender of a request.

        Args:
            token: a JSON web token as the client sent it, with or without `Bearer `. None if there is no token. The
                token is ignored in modes without tokens.
            address: the client's address.

        Raises:
            RequestError: `not_authenticated`, or an error of the token (`TokenVerifier.verify`).
        """
        if self.verifier is None:
            return Caller(address=address)
        if token is None or token == "":
            if self.mode == "jwt" and self.anonymous == "minted":
                return Caller(address=address)
            raise RequestError("not_authenticated", "authentication required: no token was sent", status=401)
        if not isinstance(token, str):
            raise RequestError("jwt_invalid", f"the token must be a string; found {type(token).__name__}", status=401)
        return Caller(await self.verifier.verify(token.removeprefix("Bearer ").strip()), address)

    def check(self, caller: Caller) -> None:
        """Check again that a caller's token has not expired and is not revoked.

        Raises:
            RequestError: `jwt_expired` or `jwt_revoked`.
        """
        if caller.token is not None and self.verifier is not None:
            self.verifier.check(caller.token)

    async def new(self, caller: Caller = ANYBODY) -> Admission:
        """Return an `Admission` to a new conversation with a random id of 128 bits."""
        sender_id = secrets.token_hex(16)
        if self.mode == "jwt" and caller.subject is not None:
            return await self._own(sender_id, caller.subject, caller)
        if self.mode != "open":
            self._begin(caller)
        token = None if self.mode == "open" else self.token_of(sender_id)
        return Admission(sender_id=sender_id, token=token, is_new=True)

    async def admit(self, session_id: Any, session_token: Any = None, caller: Caller = ANYBODY) -> Admission:
        """Return an `Admission` to a conversation, or raise an error if the caller has no access.

        Args:
            session_id: the session id as the client sent it, of any type. None selects the caller's newest
                conversation, or a new one. For minted ids, `"<id>.<token>"` is also accepted, because plain clients use
                this form.
            session_token: the session token as the client sent it.
            caller: the result of `authenticate`.

        Raises:
            RequestError: `bad_session_id` (wrong type, empty, too long), `forbidden`, `wrong_channel`, or an error of
                `check`.
        """
        admission = await self._admit(session_id, session_token, caller)
        if self.shared_with is not None and not admission.is_new:
            for route in await self._stored.routes([admission.sender_id]):
                if route.channel not in OPEN_CHANNELS and self.channel not in self.shared_with.get(route.channel, ()):
                    raise _wrong_channel(route.channel, self.channel)
        return admission

    async def _admit(self, session_id: Any, session_token: Any, caller: Caller) -> Admission:
        self.check(caller)
        sender_id = None if session_id is None else checked_id(session_id)
        if self.mode == "jwt":
            if caller.subject is not None:
                return await self._admit_subject(sender_id, session_token, caller.subject, caller)
            if self.anonymous == "refuse":
                raise RequestError("not_authenticated", "authentication required: no token was sent", status=401)
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
        """Check access again after the log was read, because the owner can change in the meantime.

        The owner changes when a conversation is claimed, and when its id is used for a new conversation after an erase.

        Args:
            admission: the permission.
            head: head of the log. A new conversation has version 0.
            beginner: the sender who starts the conversation, for new conversations. In open mode, this method counts
                the new conversation for the rate limit, because only the log shows that it is new.

        Raises:
            RequestError: `forbidden`, or `too_many_requests`.
        """
        if beginner is not None and self.mode == "open" and head.version == 0:
            self._begin(beginner)
        if (self.mode == "jwt" or self.guards_owned) and head.owner != admission.owner:
            raise _forbidden()

    def confirmation(self, admission: Admission) -> str:
        """Return the `session_id` that a plain client receives and sends in later requests."""
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
            # the anonymous conversation was never started or was merged, so continue in the subject's own conversation
            return await (self._newest(subject, caller) if proved else self._own(sender_id, subject, caller))
        if head.owner is None and proved and self.claim is not None:
            return Admission(sender_id=await self.claim(sender_id, subject), owner=subject)
        if not _same(head.owner, subject):
            raise _forbidden()
        return Admission(sender_id=sender_id, owner=subject)

    async def _newest(self, subject: str, caller: Caller) -> Admission:
        """Return the subject's newest conversation.

        Two tabs that connect at the same time join the same conversation.
        """
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
        if not _same(head.owner, subject):  # another subject created this conversation first
            raise _forbidden()
        return Admission(sender_id=sender_id, owner=subject)

    def _begin(self, caller: Caller) -> None:
        if self.rates is not None:
            self.rates.begin(caller.address, caller.subject)

    @property
    def _stored(self) -> ConversationStore:
        assert self.store is not None  # noqa: S101  # modes with owners have a store
        return self.store

    def _proves(self, sender_id: str, given: Any) -> bool:
        if not self.secret or not isinstance(given, str):
            return False
        return is_same(given, self.token_of(sender_id))

    def token_of(self, sender_id: str) -> str:
        """Return the session token for a conversation id."""
        digest = hmac.digest(self.secret, b"session:" + sender_id.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _split(sender_id: str, session_token: Any) -> tuple[str, Any]:
    """Split an id of the form `"<id>.<token>"`, unless the client sent the token separately."""
    if session_token is None and "." in sender_id:
        sender_id, _, session_token = sender_id.rpartition(".")
    return sender_id, session_token


def _same(owner: str | None, subject: str) -> bool:
    return owner is not None and is_same(owner, subject)


def _forbidden() -> RequestError:
    return RequestError(
        "forbidden",
        "no access to this conversation; send the session_token that was issued with its session_id,"
        " or no session_id to start a new one",
        status=403,
    )


def _wrong_channel(owner: str, channel: str) -> RequestError:
    return RequestError(
        "wrong_channel",
        f"this conversation belongs to the channel {owner}; `shared_with: [{channel}]` under {owner}: in"
        " credentials.yml opens it",
        status=403,
    )


def checked_id(session_id: Any) -> str:
    """Return the session id, or raise an error if it is not valid.

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
            "bad_session_id", f"session_id too long: {len(session_id):,} characters (limit {MAX_ID})", status=400
        )
    if "\0" in session_id:
        raise RequestError("bad_session_id", "session_id must not contain the character NUL", status=400)
    try:
        session_id.encode()
    except UnicodeEncodeError as error:
        raise RequestError("bad_session_id", "session_id is not valid Unicode", status=400) from error
    return session_id
