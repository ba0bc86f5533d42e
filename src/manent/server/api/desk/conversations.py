"""The list of conversations, one conversation, and what operators do with it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from manent.core.conversation_log import Handler, Head, LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json, Operator, UserUttered
from manent.desk.access import RIGHTS, Right, check_right
from manent.desk.desk import Desk
from manent.desk.identity import Person
from manent.desk.reading import is_shown
from manent.desk.stories import story_of
from manent.desk.views import head_json, messages_json, page_json, read_cursor
from manent.runtime import handling
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.ports.desk import ListFilter
from manent.runtime.tracker_reader import read_tracker
from manent.server.api.desk.serving import (
    body_of,
    json_response,
    limit_of,
    number_of,
    person_of,
    refusal,
    segments_of,
    sender_id_of,
    time_of,
)

MAX_FILTER: Final = 255
EARLIER: Final = 10
"""Maximum number of a visitor's other conversations that are shown."""

WINDOW: Final = 500
"""Number of events that are read at once while a page of messages is collected."""


class TakeRequest(msgspec.Struct, kw_only=True):
    """Take a conversation. `expected` is the newest `seq` that the page has."""

    expected: int | None = None


class AnswerRequest(msgspec.Struct, kw_only=True):
    """Answer. The same `message_id` sends one message, however often the request is repeated."""

    text: str | None = None
    message_id: str
    data: dict[str, Any] | None = None
    expected: int | None = None


class HandBackRequest(msgspec.Struct, kw_only=True):
    """Return a conversation to the bot. `trigger` is an intent on which the bot acts."""

    trigger: str | None = None
    note: str | None = None


class AssignRequest(msgspec.Struct, kw_only=True):
    """Give a conversation to the operator with this id."""

    operator: str


class CloseRequest(msgspec.Struct, kw_only=True):
    """Close a conversation. `rate` asks the visitor for a rating."""

    note: str | None = None
    rate: bool = False


class HandoffRequest(msgspec.Struct, kw_only=True):
    """Request a person."""

    reason: str | None = None
    priority: int | None = None


class NoteRequest(msgspec.Struct, kw_only=True):
    """Add a note for other operators. The same `message_id` adds one note, however often the request is repeated."""

    text: str
    message_id: str | None = None


class LabelsRequest(msgspec.Struct, kw_only=True):
    """Add and remove labels."""

    add: list[str] = []
    remove: list[str] = []


class OperatorTypingRequest(msgspec.Struct, kw_only=True):
    """Show the visitor that the operator types."""

    on: bool


class ReadRequest(msgspec.Struct, kw_only=True):
    """Note up to which message the operator has read."""

    seq: int


class ConversationRequests:
    """The requests below `/conversations`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.engine = desk.conversations.engine
        self._actions: dict[str, tuple[Right, Callable[[Request, Person, str], Awaitable[Any]]]] = {
            "take": ("handle", self._take),
            "say": ("handle", self._say),
            "hand_back": ("handle", self._hand_back),
            "assign": ("handle", self._assign),
            "release": ("handle", self._release),
            "close": ("handle", self._close),
            "request_handoff": ("handle", self._request_handoff),
            "note": ("handle", self._note),
            "labels": ("handle", self._labels),
            "typing": ("handle", self._typing),
            "read": ("read", self._read),
            "test": ("read", self._test),
        }

    async def find(self, request: Request, person: Person) -> Json:
        """Return a page of the list."""
        page = await self.desk.tables.page(_filter_of(request), reader=person.member.id, limit=limit_of(request))
        return page_json(page)

    async def serve(self, request: Request) -> Response:
        """Serve a request about one conversation. The path is read undecoded, because ids may contain slashes."""
        try:
            person = await person_of(self.desk, request)
            segments = segments_of(request)
            if len(segments) == 1 and request.method == "GET":
                check_right(person.member.role, "read")
                return json_response(await self._show(request, person, sender_id_of(segments)))
            action = self._actions.get(segments[1]) if len(segments) == 2 else None  # noqa: PLR2004  # id, action
            if action is None or request.method != "POST":
                raise RequestError("not_found", f"{request.method} {request.url.path} does not exist", status=404)
            right, perform = action
            check_right(person.member.role, right)
            found = await perform(request, person, sender_id_of(segments))
        except ManentError as error:
            return refusal(request, error)
        if isinstance(found, Head):
            found = {"ok": True, "head": head_json(found)}
        return found if isinstance(found, Response) else json_response(found)

    async def _show(self, request: Request, person: Person, sender_id: str) -> Json:
        before, limit = number_of(request, "before"), limit_of(request)
        head = await self._head(sender_id)
        await self.desk.identity.audit(person.member, "read", sender_id, before=before)
        entries, has_more = await self._page(head, before, limit)
        self.desk.feed.view(person.member.id, sender_id)
        slots: Json = {}
        loop = None
        if self.engine.model is not None:
            tracker = await read_tracker(self.engine.store, head, self.engine.model.domain)
            slots = {name: value for name, value in tracker.slots().items() if value is not None}
            loop = tracker.state.active_loop.name if tracker.state.active_loop is not None else None
        row = (await self.desk.tables.rows([sender_id])).get(sender_id)
        return {
            "head": head_json(head),
            "messages": messages_json(entries, self.engine.files.link if self.engine.files is not None else None),
            "slots": slots,
            "active_loop": loop,
            "labels": list(row.labels) if row is not None else [],
            "channel": row.channel if row is not None else "",
            "owner": head.owner,
            "earlier": await self._earlier(head),
            "started": head.started,
            "has_more": has_more,
        }

    async def _earlier(self, head: Head) -> list[Json]:
        """Return other conversations of the same signed-in visitor, newest first."""
        if head.owner is None:
            return []
        heads = await self.engine.store.conversations(owner=head.owner, limit=EARLIER + 1)
        others = [one for one in heads if one.sender_id != head.sender_id and one.version > 0][:EARLIER]
        rows = await self.desk.tables.rows([one.sender_id for one in others])
        return [
            {
                "sender_id": one.sender_id,
                "updated": one.updated,
                "preview": rows[one.sender_id].preview if one.sender_id in rows else "",
            }
            for one in others
        ]

    async def _page(self, head: Head, before: int | None, limit: int) -> tuple[list[LogEntry], bool]:
        """Return the newest `limit` entries below `before` that the desk shows, and whether there are older ones."""
        end = head.version if before is None else min(before - 1, head.version)
        found: list[LogEntry] = []
        while end > 0 and len(found) <= limit:
            start = max(0, end - WINDOW)
            entries = await self.engine.store.entries(head.sender_id, after=start, limit=end - start)
            found = [entry for entry in entries if is_shown(entry)] + found
            end = start
        return found[-limit:], len(found) > limit

    async def _head(self, sender_id: str) -> Head:
        head = await self.engine.store.head(sender_id)
        if head is None or head.version == 0:
            raise RequestError("unknown_conversation", "unknown conversation id", status=404)
        return head

    async def _perform(
        self,
        person: Person,
        sender_id: str,
        action: str,
        change: Callable[[Conversation], Awaitable[Head]],
        **detail: Any,
    ) -> Head:
        """Perform a change in the conversation's mailbox, and record it."""
        await self._head(sender_id)
        conversation = self.desk.conversations.get(sender_id)
        head = await change(conversation)
        await self.desk.identity.audit(person.member, action, sender_id, seq=head.version, **detail)
        return head

    async def _take(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, TakeRequest)
        return await self._perform(
            person,
            sender_id,
            "take",
            lambda one: handling.take(one, person.member.operator, expected=body.expected),
        )

    async def _say(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, AnswerRequest)
        return await self._perform(
            person,
            sender_id,
            "say",
            lambda one: handling.say(
                one,
                person.member.operator,
                text=body.text,
                message_id=body.message_id,
                data=body.data,
                expected=body.expected,
            ),
            message_id=body.message_id,
        )

    async def _hand_back(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, HandBackRequest)
        return await self._perform(
            person,
            sender_id,
            "hand_back",
            lambda one: handling.hand_back(one, person.member.operator, trigger=body.trigger, note=body.note),
            trigger=body.trigger,
        )

    async def _assign(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, AssignRequest)
        to = await self._operator(body.operator)
        return await self._perform(
            person,
            sender_id,
            "assign",
            lambda one: handling.assign(one, to, by=person.member.operator),
            to=to.id,
        )

    async def _operator(self, member_id: str) -> Operator:
        member = await self.desk.tables.member(member_id)
        if member is None or member.removed is not None or "handle" not in RIGHTS[member.role]:
            raise RequestError("unknown_operator", f"no operator has the id {member_id!r}", status=404)
        return member.operator

    async def _release(self, _: Request, person: Person, sender_id: str) -> Head:
        return await self._perform(
            person, sender_id, "release", lambda one: handling.release(one, person.member.operator)
        )

    async def _close(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, CloseRequest)
        return await self._perform(
            person,
            sender_id,
            "close",
            lambda one: handling.close(one, person.member.operator, note=body.note, asks_rating=body.rate),
        )

    async def _request_handoff(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, HandoffRequest)
        return await self._perform(
            person,
            sender_id,
            "request_handoff",
            lambda one: handling.request_handoff(one, reason=body.reason, priority=body.priority),
        )

    async def _note(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, NoteRequest)
        return await self._perform(
            person,
            sender_id,
            "note",
            lambda one: handling.note(one, person.member.operator, body.text, message_id=body.message_id),
        )

    async def _labels(self, request: Request, person: Person, sender_id: str) -> Head:
        body = await body_of(request, LabelsRequest)
        return await self._perform(
            person,
            sender_id,
            "labels",
            lambda one: handling.label(one, add=body.add, remove=body.remove, operator=person.member.operator),
            add=body.add,
            remove=body.remove,
        )

    async def _typing(self, request: Request, person: Person, sender_id: str) -> Json:
        body = await body_of(request, OperatorTypingRequest)
        head = await self._head(sender_id)
        await self.desk.feed.operator_types(sender_id, person.member.operator, on=body.on)
        return {"ok": True, "head": head_json(head)}

    async def _read(self, request: Request, person: Person, sender_id: str) -> Json:
        """Note the read position as a number of the visitor's messages, from which the list computes `unread`."""
        body = await body_of(request, ReadRequest)
        head = await self._head(sender_id)
        row = (await self.desk.tables.rows([sender_id])).get(sender_id)
        if row is not None:
            unread = 0
            if body.seq < row.seq:
                newer = await self.engine.store.entries(sender_id, after=max(0, body.seq), limit=row.seq - body.seq)
                unread = sum(isinstance(entry.event, UserUttered) and entry.view is not None for entry in newer)
            await self.desk.tables.mark_read(person.member.id, sender_id, users=max(0, row.users - unread))
        return {"ok": True, "head": head_json(head)}

    async def _test(self, _: Request, person: Person, sender_id: str) -> Response:
        head = await self._head(sender_id)
        await self.desk.identity.audit(person.member, "test", sender_id)
        entries = await self.engine.store.entries(sender_id, limit=head.version)
        text = story_of(sender_id, [entry.event for entry in entries])
        return Response(text, media_type="application/yaml", headers={"Cache-Control": "no-store"})


def _filter_of(request: Request) -> ListFilter:
    given = request.query_params
    handler = given.get("handler") or None
    if handler is not None and handler not in get_args(Handler):
        raise RequestError("bad_request", f"handler must be one of {', '.join(get_args(Handler))}")
    texts = {name: given.get(name) or None for name in ("label", "operator", "channel", "q")}
    for name, text in texts.items():
        if text is not None and (len(text) > MAX_FILTER or "\0" in text):
            raise RequestError("bad_request", f"{name} must have at most {MAX_FILTER} characters")
    after = given.get("after") or None
    cursor = None if after is None else read_cursor(after)
    if after is not None and cursor is None:
        raise RequestError("bad_request", "after must be the value of `next` of another page")
    return ListFilter(
        handler=handler,  # type: ignore[arg-type]  # checked above
        **texts,
        since=time_of(request, "from"),
        until=time_of(request, "to"),
        after=cursor,
    )
