"""Serves the requests of protocol 1, independently of the transport. The Socket.IO channel and the HTTP API call it.

Requests and responses are JSON objects. Errors are `RequestError`s, which `refusal` converts to responses. `Identity`
decides who has access to a conversation. `visitor_messages.py` determines which messages visitors see.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from manent.core.conversation_log import Handling, Head, LogEntry, Page
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.runtime import handling, operations
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Moved, Subscriber
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.successor import Successor
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import ANYBODY, Admission, Caller, Identity
from manent.runtime.user_messages import checked_message_id, user_message, with_attachments
from manent.runtime.visitor_messages import messages_of

PROTOCOLS = [1]

AGENT = "agent"
"""In `accepts`: the client supports operators' messages and `handler_changed`."""

DEFAULT_LIMIT = 50

MAX_LISTED = 50
"""Maximum number of conversations in the response to `session_list`."""

MAX_PREVIEW = 80
"""Number of characters of the newest message that `session_list` shows."""

MAX_SEQ = 2**53
"""Larger numbers from clients are reduced to this one.

No log has so many events, and database columns cannot store larger numbers.
"""

Follow = Callable[[Conversation, Admission], None]
"""Called with the conversation before it is read, so that a socket receives events that are committed during the
read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A joined session.

    Attributes:
        answer: response for the client.
        admission: permission to use the conversation.
        version: version of the log from which the response was read.
    """

    answer: Json
    admission: Admission
    version: int


class Sessions:
    """Serves the requests of protocol 1 in one identity mode."""

    def __init__(self, conversations: Conversations, identity: Identity) -> None:
        self.conversations = conversations
        self.engine = conversations.engine
        self.identity = identity

    async def admit(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Admission:
        """Return the permission for the session named in a request.

        Args:
            request: contains `session_id` and possibly `session_token`.
            caller: the sender of the request.
            member: permission for the session that the socket has joined. A request that names this session is admitted
                without reading the store.

        Raises:
            RequestError: see `Identity.admit`.
        """
        session_id = request.get("session_id")
        if member is not None and session_id == member.sender_id:
            self.identity.check(caller)
            return member
        return await self.identity.admit(session_id, request.get("session_token"), caller)

    async def admit_named(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Admission:
        """Admit a request that must name a session, like `admit`.

        Raises:
            RequestError: the errors of `Identity.admit`.
        """
        if request.get("session_id") is None:
            raise RequestError("bad_session_id", "session_id is missing", status=400)
        return await self.admit(request, caller, member)

    async def join(
        self, request: Json, follow: Follow, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> Joined:
        """Serve `session_request`: return a page of the conversation, and subscribe to it.

        Raises:
            RequestError: `unsupported_protocol`, `bad_request`, or an identity error.
        """
        if request.get("protocol") not in PROTOCOLS or isinstance(request.get("protocol"), bool):
            raise UnsupportedProtocol
        limit = self._limit(request)
        cursor = _cursor(request)
        accepts = _accepts(request)
        admission = await self.admit(request, caller, member)
        return await self._join(admission, follow, cursor, limit, caller, accepts=accepts)

    async def reset(
        self, request: Json, follow: Follow, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> tuple[Admission, Joined]:
        """Serve `session_reset`: start a new conversation and keep the old one.

        Returns:
            The permission for the old conversation, and the new session.

        Raises:
            RequestError: an identity error.
        """
        old = await self.admit_named(request, caller, member)
        accepts = _accepts(request)
        joined = await self._join(await self.identity.new(caller), follow, None, DEFAULT_LIMIT, caller, accepts=accepts)
        successor = Successor(joined.admission.sender_id, joined.answer["epoch"], joined.admission.token is not None)
        naming = operations.name_successor(self.conversations.get(old.sender_id), successor)
        self.conversations.track(asyncio.get_running_loop().create_task(naming))
        return old, joined

    async def erase(
        self, request: Json, follow: Follow, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> tuple[Admission, Joined]:
        """Serve `session_erase`: erase the conversation and start an empty one.

        Returns:
            The permission for the erased conversation, and the new session. In open mode, the new session has the same
            id and another epoch.

        Raises:
            RequestError: an identity error.
        """
        accepts = _accepts(request)
        old = await self.admit_named(request, caller, member)
        head = await self.engine.store.head(old.sender_id)
        if head is not None:
            self.identity.confirm(old, head)
        same_id = self.identity.mode == "open"
        new = (
            old if same_id else await self.identity.new(caller)
        )  # the rate limit can reject the request, so check it before the erase
        epoch = secrets.token_hex(8) if same_id else None
        await self.conversations.get(old.sender_id).erase(new_epoch=epoch)
        return old, await self._join(new, follow, None, DEFAULT_LIMIT, caller, accepts=accepts)

    async def history(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Json:
        """Serve `history_request`: return the page before a `seq`.

        Raises:
            RequestError: `bad_request` or an identity error.
        """
        accepts = _accepts(request)
        admission = await self.admit_named(request, caller, member)
        before = request.get("before")
        if not isinstance(before, int) or isinstance(before, bool) or before < 0:
            raise RequestError("bad_request", "before must be the seq of a message, a whole number of 0 or more")
        page = await self.engine.store.page(
            admission.sender_id, limit=self._limit(request), before=min(before, MAX_SEQ)
        )
        if page is None:
            return {"ok": True, "messages": [], "has_more": False}
        self.identity.confirm(admission, page.head)
        return {"ok": True, "messages": self._messages(page, accepts), "has_more": page.has_more}

    async def rate(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Json:
        """Serve `rate`: store the visitor's rating of the conversation, or of the message `of`.

        Raises:
            RequestError: `bad_request`, `too_long`, `conversation_changed`, `unknown_conversation`, `busy`, or an
                identity error.
        """
        admission = await self.admit_named(request, caller, member)
        score, of, comment, epoch = (request.get(key) for key in ("score", "of", "comment", "epoch"))
        if not isinstance(score, int) or isinstance(score, bool):
            raise RequestError("bad_request", "score must be a number from 1 to 5")
        if of is not None and (not isinstance(of, int) or isinstance(of, bool)):
            raise RequestError("bad_request", "of must be the seq of a message")
        if comment is not None and not isinstance(comment, str):
            raise RequestError("bad_request", "comment must be a string")
        if epoch is not None and not isinstance(epoch, str):
            raise RequestError("bad_request", "epoch must be a string")
        head = await self.engine.store.head(admission.sender_id)
        if head is not None:
            self.identity.confirm(admission, head)
        self.conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        conversation = self.conversations.get(admission.sender_id)
        after = await handling.rate(conversation, score, comment=comment, of=of, epoch=epoch)
        return {"ok": True, "seq": after.version}

    async def user_typing(self, request: Json, caller: Caller = ANYBODY, member: Admission | None = None) -> Json:
        """Serve `user_typing`: show the operator that the visitor types, or has stopped. Nothing is stored.

        Raises:
            RequestError: `bad_request`, or an identity error.
        """
        admission = await self.admit_named(request, caller, member)
        on = request.get("on")
        if not isinstance(on, bool):
            raise RequestError("bad_request", "on must be true or false")
        self.conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        for reader in self.engine.typing_readers:
            reader(admission.sender_id, on)
        return {"ok": True}

    def messages_of(self, entry: LogEntry, *, names_operators: bool = False) -> list[Json]:
        """Return the messages of a visible entry, with links to files that are valid from now on.

        `names_operators`: see `visitor_messages.messages_of`.
        """
        files = self.engine.files
        return messages_of(entry, link=files.link if files is not None else None, names_operators=names_operators)

    def _messages(self, page: Page, accepts: frozenset[str] = frozenset()) -> list[Json]:
        names = AGENT in accepts
        return [message for entry in page.entries for message in self.messages_of(entry, names_operators=names)]

    async def submit(
        self, request: Json, *, input_channel: str, caller: Caller = ANYBODY, member: Admission | None = None
    ) -> Ticket:
        """Serve `user_uttered`: add a message to the mailbox of its conversation.

        Raises:
            RequestError: `bad_request`, `too_long`, `busy`, `server_closing`, `message_id_conflict`, `files_off`,
                `unknown_file`, `too_many_files`, or an identity error.
        """
        admission = await self.admit_named(request, caller, member)
        attachments = await self._attach(admission, request) if request.get("attachments") else []
        return self.submit_as(admission, request, input_channel=input_channel, caller=caller, attachments=attachments)

    async def _attach(self, admission: Admission, request: Json) -> list[Json]:
        """Reserve the files that a message names. Return what the log contains about them."""
        if self.engine.files is None:
            raise files_off()
        file_ids, message_id = request["attachments"], checked_message_id(request.get("message_id"))
        if not isinstance(file_ids, list) or not all(isinstance(file_id, str) for file_id in file_ids):
            raise RequestError("bad_request", "attachments must be a list of file ids, which are strings")
        if len(set(file_ids)) < len(file_ids):
            raise RequestError("bad_request", "attachments contains the same file id twice")
        if message_id is None:
            raise RequestError("bad_request", "message_id is missing")
        return await self.engine.files.attach(admission.sender_id, message_id, file_ids)

    def submit_as(
        self,
        admission: Admission,
        request: Json,
        *,
        input_channel: str,
        caller: Caller = ANYBODY,
        attachments: Sequence[Json] = (),
    ) -> Ticket:
        """Add a message to the mailbox of a conversation to which the caller has permission.

        Args:
            admission: the permission.
            request: the request `user_uttered`.
            input_channel: name of the channel that received the request.
            caller: the sender.
            attachments: the files of the message, as they are written to the log.

        Raises:
            RequestError: the errors of `submit` except identity errors.
        """
        text = request.get("message")
        if not isinstance(text, str):
            raise RequestError("bad_request", "message must be a string")
        if request.get("message_id") is None:
            raise RequestError("bad_request", "message_id is missing")
        title = request.get("title")
        if title is not None and not isinstance(title, str):
            raise RequestError("bad_request", "title must be a string")
        epoch = request.get("epoch")
        if epoch is not None and not isinstance(epoch, str):
            raise RequestError("bad_request", "epoch must be a string")
        message = user_message(
            admission.sender_id,
            text,
            limits=self.engine.limits,
            input_channel=input_channel,
            output_channel=input_channel,
            message_id=request.get("message_id"),
            title=title,
            metadata=self.engine.metadata_of_client(request.get("metadata")),
        )
        if attachments and self.engine.files is not None:
            message = with_attachments(message, attachments, intent=self.engine.files.intent)
        self.conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        confirm = partial(self.identity.confirm, admission)
        return self.conversations.get(admission.sender_id).submit(message, epoch=epoch, confirm=confirm)

    async def mine(self, caller: Caller) -> Json:
        """Serve `session_list`: return the conversations that the caller owns, newest first.

        Raises:
            RequestError: `not_available`: conversations have no owners in this mode, or the caller sent no token.
        """
        self.identity.check(caller)
        if self.identity.mode != "jwt" or caller.subject is None:
            raise RequestError("not_available", "session_list needs session_identity: jwt and a token", status=403)
        store = self.engine.store
        heads = await store.conversations(owner=caller.subject, limit=MAX_LISTED)
        pages = await asyncio.gather(*(store.page(head.sender_id, limit=1) for head in heads))
        listed = [
            {
                "session_id": head.sender_id,
                "started": head.started,
                "last": head.updated,
                "preview": _preview(self._messages(page)) if page is not None else "",
            }
            for head, page in zip(heads, pages, strict=True)
        ]
        return {"ok": True, "sessions": listed}

    async def refresh(self, request: Json, caller: Caller) -> tuple[Caller, Json]:
        """Serve `token_refresh`: replace the caller's token by a newer token of the same subject.

        Returns:
            The caller with the new token, and the response.

        Raises:
            RequestError: `not_available` (this server does not use tokens), `forbidden` (the token belongs to another
                subject), or an error of the token.
        """
        if self.identity.verifier is None:
            raise RequestError("not_available", "token_refresh needs session_identity: jwt", status=403)
        token = request.get("token")
        if not isinstance(token, str) or not token:
            raise RequestError("bad_request", "token must be a non-empty string")
        fresh = await self.identity.authenticate(token, caller.address)
        if fresh.subject != caller.subject:
            raise RequestError("forbidden", "the token belongs to another subject; connect again to use it", status=403)
        assert fresh.token is not None  # noqa: S101  # `authenticate` has verified a token
        return fresh, {"ok": True, "expires_at": fresh.token.expires_at}

    async def _join(
        self,
        admission: Admission,
        follow: Follow,
        cursor: tuple[str, int] | None,
        limit: int,
        caller: Caller,
        *,
        accepts: frozenset[str],
    ) -> Joined:
        store = self.engine.store
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
                conversation.record.assume_empty(head)
                page, gap = Page(head=head, entries=(), has_more=False), cursor is not None
            else:  # another server has created the conversation in the meantime
                page, gap = await self._read(admission.sender_id, cursor, limit)
                assert page is not None  # noqa: S101  # the conversation exists at this point
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
            "messages": self._messages(page, accepts),
            "has_more": first.prev > 0 if first is not None else head.visible > 0,
            "gap": gap,
            "typing": head.open_turn,
        }
        if AGENT in accepts:
            answer |= handler_of(head.handling)
        if self.engine.files is not None:
            answer["files"] = self.engine.files.offer
        return Joined(answer=answer, admission=admission, version=head.version)

    async def _read(self, sender_id: str, cursor: tuple[str, int] | None, limit: int) -> tuple[Page | None, bool]:
        """Return the page of events after the cursor, and False.

        If a page is not sufficient or the log was replaced, return the newest page and True, because events are
        missing.
        """
        store = self.engine.store
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
            raise RequestError("bad_request", "limit must be a number of 1 or more")
        return min(limit, self.engine.limits.page)


class UnsupportedProtocol(RequestError):
    """The client requested a protocol that this server does not support."""

    def __init__(self) -> None:
        super().__init__("unsupported_protocol", f"unsupported protocol: this server supports {PROTOCOLS}")


def notify_changed(conversation: Conversation, reason: str, joined: Joined, *, but: Subscriber | None = None) -> None:
    """Notify all subscribers except the requester that another conversation continues this one."""
    payload: Json = {"reason": reason, "session_id": joined.answer["session_id"], "epoch": joined.answer["epoch"]}
    if "session_token" in joined.answer:
        payload["session_token"] = joined.answer["session_token"]
    conversation.feed.notify(Moved(payload), exclude=but)


def refusal(error: ManentError) -> Json:
    """Return the response to a request that failed."""
    shown: Json = {"code": error.code, "message": error.message}
    if error.retry_after is not None:
        shown["retry_after"] = error.retry_after
    if isinstance(error, UnsupportedProtocol):
        shown["supported"] = PROTOCOLS
    return {"ok": False, "error": shown}


def _cursor(request: Json) -> tuple[str, int] | None:
    cursor = request.get("cursor")
    if cursor is None:
        return None
    match cursor:
        case {"epoch": str(epoch), "seq": int(seq)} if not isinstance(seq, bool) and seq >= 0:
            return epoch, min(seq, MAX_SEQ)
    raise RequestError("bad_request", "cursor must be {epoch, seq} from an earlier response")


def handler_of(present: Handling) -> Json:
    """Return who handles the conversation, as `handler_changed` and the answer to `session_request` name it."""
    shown: Json = {"handler": present.handler}
    if present.operator is not None:
        shown["operator"] = msgspec.to_builtins(present.operator)
    return shown


def _accepts(request: Json) -> frozenset[str]:
    """Return what the client understands beyond the first version of protocol 1. Unknown names are ignored."""
    accepts = request.get("accepts", ())
    if not isinstance(accepts, list | tuple) or not all(isinstance(name, str) for name in accepts):
        raise RequestError("bad_request", "accepts must be a list of strings")
    return frozenset(accepts)


def files_off() -> RequestError:
    """Return the error for a file that was sent to a server that accepts none."""
    return RequestError("files_off", "this server does not accept files", status=403)


def _preview(messages: Sequence[Json]) -> str:
    shown = messages[-1:]
    text = next((str(one.get("title") or one.get("text") or one.get("message") or "") for one in shown), "")
    return text if len(text) <= MAX_PREVIEW else text[: MAX_PREVIEW - 1] + "…"
