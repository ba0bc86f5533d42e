"""Protocol 1 over HTTP: `POST /sessions/<request>`, for clients without Socket.IO.

Requests and responses contain the same JSON as over Socket.IO, because `runtime/protocol1.py` serves both. The error
code determines the HTTP status. Clients call `POST /sessions/events` to receive new messages. Ids and tokens are sent
in bodies and headers, never in URLs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.channels.inbox import caller_of
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import AgentTyping, Committed, Failed, HandlerChanged, Moved, News, Typing
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Admission, Caller
from manent.runtime.json_input import read_body
from manent.runtime.protocol1 import Sessions, notify_changed, refusal
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note
from manent.server.api.errors import Refusal
from manent.server.api.webhooks import MessageId
from manent.server.operation import Operation

MAX_WAIT_S = 25.0
"""Maximum number of seconds that a request can wait. Many proxies cancel a request after 30 s without data."""

CLOSING_CHECK_S = 1.0
"""Interval, in seconds, at which a waiting request checks whether the server is shutting down."""

CHANNEL = "socketio"
"""Input channel of messages over HTTP.

It is the same as for Socket.IO, because the bot must not treat them differently.
"""

_encode = msgspec.json.Encoder(enc_hook=str).encode

Serve = Callable[[Json, Caller], Awaitable[Json]]

Ok = Annotated[bool, Meta(extra_json_schema={"const": True})]
Seq = Annotated[int, Meta(ge=0)]


class Cursor(msgspec.Struct, kw_only=True):
    """The position up to which a client has received a conversation's log."""

    epoch: str
    seq: Seq


class JoinRequest(msgspec.Struct, kw_only=True):
    """The conversation to join.

    Without an id, a new conversation starts. `limit` is the maximum number of messages in the response. `accepts` lists
    what the client understands beyond the first version of the protocol: `agent`.
    """

    protocol: Annotated[int, Meta(extra_json_schema={"const": 1})]
    session_id: str | UnsetType = UNSET
    session_token: str | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    accepts: list[str] | UnsetType = UNSET


class SayRequest(msgspec.Struct, kw_only=True):
    """A message. `title` is the text to show instead of a button's payload. `attachments` are ids of uploaded files."""

    session_id: str
    message: str
    message_id: MessageId
    session_token: str | UnsetType = UNSET
    epoch: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    attachments: list[str] | UnsetType = UNSET


class SessionRequest(msgspec.Struct, kw_only=True):
    """The conversation to end or erase."""

    session_id: str
    session_token: str | UnsetType = UNSET
    accepts: list[str] | UnsetType = UNSET


class RateRequest(SessionRequest, kw_only=True):
    """A rating, from 1 to 5, of the conversation or of the message with the `seq` `of`."""

    score: Annotated[int, Meta(ge=1, le=5)]
    comment: str | UnsetType = UNSET
    of: Seq | UnsetType = UNSET
    epoch: str | UnsetType = UNSET


class TypingRequest(SessionRequest, kw_only=True):
    """Whether the visitor types."""

    on: bool


class Rating(msgspec.Struct, kw_only=True):
    """The rating was stored. `seq` is the position of the log."""

    ok: Ok
    seq: int


class Served(msgspec.Struct, kw_only=True):
    """The request was served."""

    ok: Ok


class HistoryRequest(SessionRequest, kw_only=True):
    """A request for the page of messages before a `seq`."""

    before: Seq
    limit: int | UnsetType = UNSET


class EventsRequest(SessionRequest, kw_only=True):
    """The cursor of the client. `wait_s` is the maximum time to wait for new messages, in seconds."""

    cursor: Cursor
    wait_s: float | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class RefreshRequest(msgspec.Struct, kw_only=True):
    """A new token of the same visitor."""

    token: str


class Operator(msgspec.Struct, kw_only=True):
    """A person who answers in place of the bot."""

    id: str
    name: str
    avatar: str | UnsetType = UNSET


class Attachment(msgspec.Struct, kw_only=True):
    """A file of a message. `url` is a path that is valid for a limited time."""

    file_id: str
    name: str
    mime: str
    size: int
    url: str | UnsetType = UNSET


class Message(msgspec.Struct, kw_only=True):
    """A message, or a part of a message. Bot messages have additional keys."""

    role: Literal["user", "bot", "agent"]
    seq: int
    id: str
    parts: int
    prev: int
    timestamp: float | UnsetType | None = UNSET
    divider: Literal["restart", "session"] | UnsetType = UNSET
    text: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    message_id: str | UnsetType | None = UNSET
    title: str | UnsetType = UNSET
    payload: bool | UnsetType = UNSET
    operator: Operator | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET


class FilesOffer(msgspec.Struct, kw_only=True):
    """The files that visitors can send. `max_size` is in bytes."""

    max_size: int
    max_per_message: int
    types: list[str]


class Session(msgspec.Struct, kw_only=True):
    """A conversation and a page of its messages."""

    ok: Ok
    session_id: str
    epoch: str
    seq: int
    resumed: bool
    messages: list[Message]
    has_more: bool
    gap: bool
    typing: bool
    session_token: str | UnsetType = UNSET
    handler: Literal["bot", "queue", "human"] | UnsetType = UNSET
    operator: Operator | UnsetType = UNSET
    errors: list[dict[str, Any]] | UnsetType = UNSET
    files: FilesOffer | UnsetType = UNSET


class Receipt(msgspec.Struct, kw_only=True):
    """The confirmation that a message is stored. `duplicate` is true if the message had already been accepted."""

    ok: Ok
    seq: int
    duplicate: bool


class History(msgspec.Struct, kw_only=True):
    """A page of older messages."""

    ok: Ok
    messages: list[Message]
    has_more: bool


class OwnSession(msgspec.Struct, kw_only=True):
    """One of the visitor's conversations. Times are in seconds since the epoch."""

    session_id: str
    started: float | UnsetType = UNSET
    last: float | UnsetType = UNSET
    preview: str | UnsetType = UNSET


class SessionList(msgspec.Struct, kw_only=True):
    """The visitor's conversations."""

    ok: Ok
    sessions: list[OwnSession]


class Refreshed(msgspec.Struct, kw_only=True):
    """The response to a valid new token. The server accepts the token until it expires."""

    ok: Ok
    expires_at: float | None


def _declare(name: str, summary: str, body: Any, answer: Any, *errors: int) -> Operation:
    return Operation(
        method="POST",
        path=f"/sessions/{name}",
        summary=summary,
        body=body,
        answer=answer,
        errors=(400, 403, *errors),
        error=Refusal,
    )


JOIN = _declare("session_request", "Join a conversation", JoinRequest, Session)
SAY = _declare("user_uttered", "Send a message", SayRequest, Receipt, 409, 413, 429, 503)
HISTORY = _declare("history_request", "Read an older page of messages", HistoryRequest, History)
RESET = _declare("session_reset", "Start another conversation", SessionRequest, Session)
ERASE = _declare("session_erase", "Erase a conversation", SessionRequest, Session)
LIST = _declare("session_list", "List the visitor's own conversations", dict[str, Any], SessionList, 401)
REFRESH = _declare("token_refresh", "Check another token", RefreshRequest, Refreshed, 401, 503)
RATE = _declare("rate", "Rate a conversation or a message", RateRequest, Rating, 404, 409, 413, 429, 503)
TYPING = _declare("user_typing", "Show the operator that the visitor types", TypingRequest, Served, 429)
EVENTS = _declare("events", "Wait for messages after a cursor", EventsRequest, Session)
OPERATIONS = (JOIN, SAY, HISTORY, RESET, ERASE, LIST, REFRESH, RATE, TYPING, EVENTS)


def routes(sessions: Sessions) -> list[Route]:
    """Return a route for each request, and one for unknown requests."""
    requests = SessionRequests(sessions)

    def endpoint(serve: Serve) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                caller = await caller_of(request, sessions.identity)
                return _answer(await serve(read_body(await request.body(), dict[str, Any]), caller))
            except ManentError as error:
                address = address_of(request.client.host if request.client else None)
                note(error, way=request.url.path, address=address)
                return _refusal(error)

        return answer

    async def unknown(request: Request) -> Response:
        name = request.path_params["request"]
        return _refusal(RequestError("unknown_request", f"unknown request {name[:64]!r}", status=404))

    return [
        JOIN.route(endpoint(requests.session_request)),
        SAY.route(endpoint(requests.user_uttered)),
        HISTORY.route(endpoint(requests.history_request)),
        RESET.route(endpoint(requests.session_reset)),
        ERASE.route(endpoint(requests.session_erase)),
        LIST.route(endpoint(requests.session_list)),
        REFRESH.route(endpoint(requests.token_refresh)),
        RATE.route(endpoint(requests.rate)),
        TYPING.route(endpoint(requests.user_typing)),
        EVENTS.route(endpoint(requests.events)),
        Route("/sessions/{request:path}", unknown, methods=["POST"]),
    ]


class SessionRequests:
    """The requests. Each handler receives and returns a JSON object."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    async def session_request(self, request: Json, caller: Caller) -> Json:
        """Return a page of a conversation. Create the conversation if it does not exist yet."""
        return (await self.sessions.join(request, _nobody, caller)).answer

    async def user_uttered(self, request: Json, caller: Caller) -> Json:
        """Accept a message. The client reads the replies with `events`."""
        ticket = await self.sessions.submit(request, input_channel=CHANNEL, caller=caller)
        receipt = await ticket.accepted
        return {"ok": True, "seq": receipt.seq, "duplicate": receipt.duplicate}

    async def history_request(self, request: Json, caller: Caller) -> Json:
        """Return the page before a `seq`."""
        return await self.sessions.history(request, caller)

    async def session_reset(self, request: Json, caller: Caller) -> Json:
        """Start a new conversation. Notify sockets that follow the old conversation."""
        old, joined = await self.sessions.reset(request, _nobody, caller)
        notify_changed(self.sessions.conversations.get(old.sender_id), "reset", joined)
        return joined.answer

    async def session_erase(self, request: Json, caller: Caller) -> Json:
        """Erase a conversation and start an empty one. Notify sockets that follow the erased conversation."""
        old, joined = await self.sessions.erase(request, _nobody, caller)
        notify_changed(self.sessions.conversations.get(old.sender_id), "erased", joined)
        return joined.answer

    async def rate(self, request: Json, caller: Caller) -> Json:
        """Store the visitor's rating."""
        return await self.sessions.rate(request, caller)

    async def user_typing(self, request: Json, caller: Caller) -> Json:
        """Show the operator that the visitor types."""
        return await self.sessions.user_typing(request, caller)

    async def session_list(self, _: Json, caller: Caller) -> Json:
        """List the conversations of the caller."""
        return await self.sessions.mine(caller)

    async def token_refresh(self, request: Json, caller: Caller) -> Json:
        """Check another token. The token is not stored, because each HTTP request contains a token."""
        return (await self.sessions.refresh(request, caller))[1]

    async def events(self, request: Json, caller: Caller) -> Json:
        """Return the messages after a cursor. If there are no such messages, wait for new ones.

        The response has the format of the response to `session_request`. It contains `errors` if a message failed in
        the meantime.
        """
        wait_s = _wait_s(request)
        if not isinstance(request.get("cursor"), dict):
            raise RequestError("bad_request", "cursor is missing; send the {epoch, seq} of the previous response")
        await self.sessions.admit_named(request, caller)
        waiter = _Waiter(self.sessions.conversations)
        try:
            answer = await self._read(request, caller, waiter)
            if wait_s > 0 and not _has_news(answer):
                await waiter.wait(wait_s)
                answer = await self._read(request, caller, waiter)
        finally:
            waiter.leave()
        if waiter.errors:
            answer["errors"] = waiter.errors
        return answer

    async def _read(self, request: Json, caller: Caller, waiter: "_Waiter") -> Json:
        return (await self.sessions.join({**request, "protocol": 1}, waiter.follow, caller)).answer


class _Waiter:
    """A `Subscriber` for a request that waits for changes to a conversation."""

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations
        self.conversation: Conversation | None = None
        self.errors: list[Json] = []
        self._news = asyncio.Event()

    def follow(self, conversation: Conversation, _: Admission) -> None:
        if self.conversation is None:
            self.conversation = conversation
            conversation.subscribers.append(self)

    async def wait(self, wait_s: float) -> None:
        """Wait for changes, until `wait_s` seconds have passed or the server shuts down."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while (
            not self._news.is_set() and not self.conversations.engine.is_closing and (left := until - loop.time()) > 0
        ):
            try:
                async with asyncio.timeout(min(left, CLOSING_CHECK_S)):
                    await self._news.wait()
            except TimeoutError:
                continue

    def leave(self) -> None:
        conversation, self.conversation = self.conversation, None
        if conversation is not None:
            conversation.subscribers.remove(self)
            self.conversations.release(conversation)

    def notify(self, news: News) -> None:
        """Wake the request, which then reads new entries from the log.

        Collect errors, because the log does not contain them.
        """
        match news:
            case Typing() | AgentTyping():
                return
            case Failed(error, message_id, seq):
                shown = dict(refusal(error)["error"])
                shown |= {key: value for key, value in (("message_id", message_id), ("seq", seq)) if value is not None}
                self.errors.append(shown)
            case Committed() | Moved() | HandlerChanged():
                pass
        self._news.set()


def _has_news(answer: Json) -> bool:
    return bool(answer["messages"] or answer["gap"])


def _nobody(_: Conversation, __: Admission) -> None:
    """Do not subscribe, because the request ends with its response."""


def _wait_s(request: Json) -> float:
    wait_s: Any = request.get("wait_s", 0)
    if not isinstance(wait_s, int | float) or isinstance(wait_s, bool) or not 0 <= wait_s <= MAX_WAIT_S:
        raise RequestError("bad_request", f"wait_s must be a number of seconds from 0 to {MAX_WAIT_S:g}")
    return float(wait_s)


def _answer(body: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(body), status, {"Cache-Control": "no-store"} | (headers or {}), "application/json")


def _refusal(error: ManentError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}
    return _answer(refusal(error), error.status, headers)
