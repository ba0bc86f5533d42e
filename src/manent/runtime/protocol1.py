"""The requests of protocol 1, without a transport: Socket.IO and HTTP both come here.

A request is a JSON object, an answer is a JSON object; errors are RequestErrors, which `refusal` turns into the
answer's form. Who may ask is `identity.py`'s to decide; what is shown is `view.py`'s.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from manent.core.conversation_log import Head, Page
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.core.messages import UserMessage
from manent.runtime.conversation.conversation import Conversation, Subscriber
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.successor import Left, leave
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import ANYBODY, Admission, Caller, Identity
from manent.runtime.visitor_messages import messages_of

PROTOCOLS = [1]
DEFAULT_LIMIT = 50
MAX_MESSAGE_ID = 128

LISTED = 50
"""Conversations in the answer to `session_list`, at most."""

PREVIEW = 80
"""Characters of a conversation's newest message that the list shows."""
MAX_SEQ = 2**53
"""No log has an event of this number; larger ones from clients mean the same, and fit no database's column."""

Follow = Callable[[Conversation, Admission], None]
"""Called with the conversation just before it is read, so that a socket misses nothing that is committed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A session was joined. `version`: of the log in the same read as the answer's messages."""

    answer: Json
    admission: Admission
    version: int


class Sessions:
    """Protocol 1's requests over all conversations, under one identity mode."""

    def __init__(self, conversations: Conversations, identity: Identity) -> None:
        self.conversations = conversations
        self.identity = identity

    # who ------------------------------------------------------------------------------------------------------------

    async def admit(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Admission:
        """Decide who asks: the member of the session it has joined, else whoever can name and prove one.

        A member's request costs no suspension and no look into the store.

        Raises:
            RequestError: see `Identity.admit`.
        """
        session_id = request.get("session_id")
        if member is not None and session_id == member.sender_id:
            self.identity.check(caller)
            return member
        return await self.identity.admit(session_id, request.get("session_token"), caller)

    async def admit_named(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Admission:
        """As `admit`, for requests that must name a session.

        Raises:
            RequestError: see `Identity.admit`.
        """
        if request.get("session_id") is None:
            raise RequestError("bad_session_id", "session_id is missing", status=400)
        return await self.admit(request, caller, member)

    # requests -------------------------------------------------------------------------------------------------------

    async def join(
        self, request: Json, follow: Follow, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> Joined:
        """`session_request`: a page of the conversation, and everything after it live.

        Raises:
            RequestError: `unsupported_protocol`, `bad_request`, or an identity error.
        """
        if request.get("protocol") not in PROTOCOLS or isinstance(request.get("protocol"), bool):
            raise UnsupportedProtocol
        limit = self._limit(request)
        cursor = _cursor(request)
        admission = await self.admit(request, caller, member)
        return await self._join(admission, follow, cursor, limit, caller)

    async def reset(
        self, request: Json, follow: Follow, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> tuple[Admission, Joined]:
        """`session_reset`: leave this conversation as it is and begin a new one.

        Returns:
            The old conversation's admission, and the new one joined.

        Raises:
            RequestError: an identity error.
        """
        old = await self.admit_named(request, caller, member)
        joined = await self._join(await self.identity.new(caller), follow, None, DEFAULT_LIMIT, caller)
        left = Left(joined.admission.sender_id, joined.answer["epoch"], joined.admission.token is not None)
        told = leave(self.conversations.get(old.sender_id), left)
        self.conversations.working(asyncio.get_running_loop().create_task(told))
        return old, joined

    async def erase(
        self, request: Json, follow: Follow, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> tuple[Admission, Joined]:
        """`session_erase`: remove the conversation with all that is kept of it; go on in an empty one.

        Returns:
            The erased conversation's admission, and the new one joined (in open mode: the same id, another epoch).

        Raises:
            RequestError: an identity error.
        """
        old = await self.admit_named(request, caller, member)
        head = await self.conversations.store.head(old.sender_id)
        if head is not None:
            self.identity.confirm(old, head)
        same_id = self.identity.mode == "open"
        new = old if same_id else await self.identity.new(caller)  # first: this may be refused
        epoch = secrets.token_hex(8) if same_id else None
        await self.conversations.get(old.sender_id).erase(new_epoch=epoch)
        return old, await self._join(new, follow, None, DEFAULT_LIMIT, caller)

    async def history(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Json:
        """`history_request`: the page before a `seq`.

        Raises:
            RequestError: `bad_request` or an identity error.
        """
        admission = await self.admit_named(request, caller, member)
        before = request.get("before")
        if not isinstance(before, int) or isinstance(before, bool) or before < 0:
            raise RequestError("bad_request", "before must be the seq of a message")
        page = await self.conversations.store.page(
            admission.sender_id, limit=self._limit(request), before=min(before, MAX_SEQ)
        )
        if page is None:
            return {"ok": True, "messages": [], "has_more": False}
        self.identity.confirm(admission, page.head)
        return {"ok": True, "messages": _messages(page), "has_more": page.has_more}

    async def submit(
        self, request: Json, *, input_channel: str, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> Ticket:
        """`user_uttered`: put a message in its conversation's mailbox.

        Raises:
            RequestError: `bad_request`, `too_long`, `busy`, `server_closing`, `message_id_conflict`, or an identity
                error.
        """
        admission = await self.admit_named(request, caller, member)
        return self.submit_as(admission, request, input_channel=input_channel, caller=caller)

    def submit_as(self, admission: Admission, request: Json, *, input_channel: str, caller: Caller = ANYBODY) -> Ticket:
        """As `submit`, for somebody who was admitted.

        Raises:
            RequestError: as `submit`, but for identity errors.
        """
        text = request.get("message")
        if not isinstance(text, str):
            raise RequestError("bad_request", "message must be a string")
        message_id = checked_message_id(request.get("message_id"))
        if message_id is None:
            raise RequestError("bad_request", "message_id is missing")
        title = request.get("title")
        if title is not None and not isinstance(title, str):
            raise RequestError("bad_request", "title must be a string")
        epoch = request.get("epoch")
        if epoch is not None and not isinstance(epoch, str):
            raise RequestError("bad_request", "epoch must be a string")
        message = UserMessage(
            sender_id=admission.sender_id,
            text=checked_text(text, self.conversations.limits.text),
            message_id=message_id,
            input_channel=input_channel,
            output_channel=input_channel,
            title=checked_text(title, self.conversations.limits.text, what="title") if title is not None else None,
            metadata=checked_metadata(request.get("metadata")),
        )
        self.conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        confirm = partial(self.identity.confirm, admission)
        return self.conversations.get(admission.sender_id).submit(message, epoch=epoch, confirm=confirm)

    async def mine(self, caller: Caller) -> Json:
        """`session_list`: the caller's own conversations, the newest first.

        Raises:
            RequestError: `not_available` (nobody owns anything in this mode, or the caller has no token).
        """
        self.identity.check(caller)
        if self.identity.mode != "jwt" or caller.subject is None:
            raise RequestError("not_available", "session_list needs session_identity: jwt and a token", status=403)
        store = self.conversations.store
        heads = await store.conversations(owner=caller.subject, limit=LISTED)
        pages = await asyncio.gather(*(store.page(head.sender_id, limit=1) for head in heads))
        listed = [
            {
                "session_id": head.sender_id,
                "started": head.started,
                "last": head.updated,
                "preview": _preview(page) if page is not None else "",
            }
            for head, page in zip(heads, pages, strict=True)
        ]
        return {"ok": True, "sessions": listed}

    async def refresh(self, request: Json, caller: Caller) -> tuple[Caller, Json]:
        """`token_refresh`: go on with another token of the same subject.

        Returns:
            The caller from now on, and the answer.

        Raises:
            RequestError: `not_available` (no tokens here), `forbidden` (of another subject), or what is wrong with it.
        """
        if self.identity.verifier is None:
            raise RequestError("not_available", "token_refresh needs session_identity: jwt", status=403)
        token = request.get("token")
        if not isinstance(token, str) or not token:
            raise RequestError("bad_request", "token is missing, or no string")
        fresh = await self.identity.authenticate(token, caller.address)
        if fresh.subject != caller.subject:
            raise RequestError("forbidden", "the token is another subject's; connect again with it", status=403)
        assert fresh.token is not None  # noqa: S101  # authenticate was given one
        return fresh, {"ok": True, "expires_at": fresh.token.expires_at}

    # parts ----------------------------------------------------------------------------------------------------------

    async def _join(
        self, admission: Admission, follow: Follow, cursor: tuple[str, int] | None, limit: int, caller: Caller
    ) -> Joined:
        store = self.conversations.store
        conversation = self.conversations.get(admission.sender_id)
        follow(conversation, admission)
        page, gap = None, False
        if not admission.is_new:
            page, gap = await self._read(admission.sender_id, cursor, limit)
        if page is None:
            if self.identity.mode == "open":
                self.conversations.rates.begin(caller.address)
            now, epoch = time.time(), secrets.token_hex(8)
            head = await store.create(
                Head(sender_id=admission.sender_id, epoch=epoch, owner=admission.owner, started=now, updated=now)
            )
            if head.epoch == epoch and head.version == 0:
                conversation.record.begins(head)
                page, gap = Page(head=head, entries=(), has_more=False), cursor is not None
            else:  # somebody else was faster
                page, gap = await self._read(admission.sender_id, cursor, limit)
                assert page is not None  # noqa: S101  # it is there
        head = page.head
        self.identity.confirm(admission, head)
        await conversation.catch_up(head.epoch, head.version)
        conversation.owner = head.owner or conversation.owner
        answer: Json = {"ok": True, "session_id": admission.sender_id}
        if admission.token is not None:
            answer["session_token"] = admission.token
        first = page.entries[0].view if page.entries else None
        answer |= {
            "epoch": head.epoch,
            "seq": head.version,
            "resumed": head.visible > 0,
            "messages": _messages(page),
            "has_more": first.prev > 0 if first is not None else head.visible > 0,
            "gap": gap,
            "typing": head.open_turn,
        }
        return Joined(answer=answer, admission=admission, version=head.version)

    async def _read(self, sender_id: str, cursor: tuple[str, int] | None, limit: int) -> tuple[Page | None, bool]:
        """Return the events after the cursor, or the newest page when there is none or it leaves a gap."""
        store = self.conversations.store
        if cursor is None:
            return await store.page(sender_id, limit=limit), False
        epoch, seq = cursor
        page = await store.after(sender_id, seq, limit=limit)
        if page is None:
            return None, False
        if page.head.epoch == epoch and seq <= page.head.version and not page.has_more:
            return page, False
        return await store.page(sender_id, limit=limit), True

    def _limit(self, request: Json) -> int:
        limit = request.get("limit", DEFAULT_LIMIT)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise RequestError("bad_request", "limit must be a number of events, 1 or more")
        return min(limit, self.conversations.limits.page)


class UnsupportedProtocol(RequestError):
    """A client speaks a protocol that we don't."""

    def __init__(self) -> None:
        super().__init__("unsupported_protocol", f"this server speaks protocol {PROTOCOLS}")


def tell_changed(conversation: Conversation, reason: str, joined: Joined, *, but: Subscriber | None = None) -> None:
    """Tell everybody who follows a conversation, but the one who asked for it, where it went on."""
    told: Json = {"reason": reason, "session_id": joined.answer["session_id"], "epoch": joined.answer["epoch"]}
    if "session_token" in joined.answer:
        told["session_token"] = joined.answer["session_token"]
    for subscriber in tuple(conversation.subscribers):
        if subscriber is not but:
            subscriber.changed(told)


def refusal(error: ManentError) -> Json:
    """Return the answer to a request that failed."""
    shown: Json = {"code": error.code, "message": error.message}
    if error.retry_after is not None:
        shown["retry_after"] = error.retry_after
    if isinstance(error, UnsupportedProtocol):
        shown["supported"] = PROTOCOLS
    return {"ok": False, "error": shown}


def checked_message_id(message_id: Any) -> str | None:
    """Return the message id, None when there is none.

    Raises:
        RequestError: `bad_request`.
    """
    if message_id is None:
        return None
    if not isinstance(message_id, str) or not 1 <= len(message_id) <= MAX_MESSAGE_ID:
        raise RequestError("bad_request", f"message_id must be a string of 1 to {MAX_MESSAGE_ID} characters")
    if "\0" in message_id:  # no database keeps it
        raise RequestError("bad_request", "message_id must not contain the character NUL")
    return message_id


def checked_text(text: str, limit: int, *, what: str = "message") -> str:
    """Return the text, stripped, as it goes into the log; `what` it is, for the error.

    Raises:
        RequestError: `too_long`.
    """
    if len(text) > limit:
        raise RequestError("too_long", f"a {what} may have {limit} characters; found {len(text)}", status=413)
    return text.encode("utf-8", "replace").decode().strip()  # lone surrogates cannot be stored


def checked_metadata(metadata: Any) -> Json:
    """Return the metadata, {} when there is none.

    Raises:
        RequestError: `bad_request`; it is not an object.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise RequestError("bad_request", f"metadata must be an object; found {type(metadata).__name__}")
    return metadata


def _cursor(request: Json) -> tuple[str, int] | None:
    cursor = request.get("cursor")
    if cursor is None:
        return None
    match cursor:
        case {"epoch": str(epoch), "seq": int(seq)} if not isinstance(seq, bool) and seq >= 0:
            return epoch, min(seq, MAX_SEQ)
    raise RequestError("bad_request", "cursor must be {epoch, seq}, as an answer gave it")


def _messages(page: Page) -> list[Json]:
    return [message for entry in page.entries for message in messages_of(entry)]


def _preview(page: Page) -> str:
    shown = _messages(page)[-1:]
    text = next((str(one.get("title") or one.get("text") or one.get("message") or "") for one in shown), "")
    return text if len(text) <= PREVIEW else text[: PREVIEW - 1] + "…"
