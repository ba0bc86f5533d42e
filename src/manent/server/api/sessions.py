"""Protocol 1 over HTTP: `POST /sessions/<request>`, for clients without Socket.IO.

The same JSON in and out as over Socket.IO (`runtime/protocol1.py` decides), with the status of the error's code;
`POST /sessions/events` takes the place of the live events. Ids and tokens stand in bodies and headers, never in a URL.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.channels.webhook import caller_of
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Committed, Failed, Moved, News, Typing
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Admission, Caller
from manent.runtime.json_input import read_json_object
from manent.runtime.protocol1 import Sessions, refusal, tell_changed
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note

MAX_WAIT_S = 25.0
"""Below the 30 s after which many proxies give up on a silent request."""

LOOK_EVERY_S = 1.0
"""How often a waiting request looks whether the server is shutting down."""

CHANNEL = "socketio"
"""Input channel of these messages: the same clients, on another transport, so the bot's answers do not differ."""

_encode = msgspec.json.Encoder(enc_hook=str).encode

Serve = Callable[[Json, Caller], Awaitable[Json]]


def routes(sessions: Sessions) -> list[Route]:
    """Return the routes of all requests."""
    requests = SessionRequests(sessions)
    served: dict[str, Serve] = {
        "session_request": requests.session_request,
        "user_uttered": requests.user_uttered,
        "history_request": requests.history_request,
        "session_reset": requests.session_reset,
        "session_erase": requests.session_erase,
        "session_list": requests.session_list,
        "token_refresh": requests.token_refresh,
        "events": requests.events,
    }

    def endpoint(serve: Serve) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                caller = await caller_of(request, sessions.identity)
                return _answer(await serve(read_json_object(await request.body()), caller))
            except ManentError as error:
                address = address_of(request.client.host if request.client else None)
                note(error, way=request.url.path, address=address)
                return _refusal(error)

        return answer

    async def unknown(request: Request) -> Response:
        name = request.path_params["request"]
        return _refusal(RequestError("unknown_request", f"unknown request {name[:64]!r}", status=404))

    return [
        *(Route(f"/sessions/{name}", endpoint(serve), methods=["POST"]) for name, serve in served.items()),
        Route("/sessions/{request:path}", unknown, methods=["POST"]),
    ]


class SessionRequests:
    """The requests, each a JSON object to a JSON object."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    async def session_request(self, request: Json, caller: Caller) -> Json:
        """A page of a conversation, which is made when it does not exist."""
        return (await self.sessions.join(request, _nobody, caller)).answer

    async def user_uttered(self, request: Json, caller: Caller) -> Json:
        """Accept a message; its replies come with `events`."""
        ticket = await self.sessions.submit(request, input_channel=CHANNEL, caller=caller)
        receipt = await ticket.accepted
        return {"ok": True, "seq": receipt.seq, "duplicate": receipt.duplicate}

    async def history_request(self, request: Json, caller: Caller) -> Json:
        """The page before a `seq`."""
        return await self.sessions.history(request, caller)

    async def session_reset(self, request: Json, caller: Caller) -> Json:
        """Begin a new conversation; sockets that follow the old one are told."""
        old, joined = await self.sessions.reset(request, _nobody, caller)
        tell_changed(self.sessions.conversations.get(old.sender_id), "reset", joined)
        return joined.answer

    async def session_erase(self, request: Json, caller: Caller) -> Json:
        """Remove a conversation and begin an empty one; sockets that follow it are told."""
        old, joined = await self.sessions.erase(request, _nobody, caller)
        tell_changed(self.sessions.conversations.get(old.sender_id), "erased", joined)
        return joined.answer

    async def session_list(self, _: Json, caller: Caller) -> Json:
        """The caller's own conversations."""
        return await self.sessions.mine(caller)

    async def token_refresh(self, request: Json, caller: Caller) -> Json:
        """Look at another token; over HTTP, each request brings its own."""
        return (await self.sessions.refresh(request, caller))[1]

    async def events(self, request: Json, caller: Caller) -> Json:
        """Messages after a cursor; when there are none yet, wait for some.

        The answer is a `session_request`'s, with `errors` when a message of this conversation failed meanwhile.
        """
        wait_s = _wait_s(request)
        if not isinstance(request.get("cursor"), dict):
            raise RequestError("bad_request", "cursor is missing: {epoch, seq}, as the last answer gave it")
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
    """A request that waits for something to happen in a conversation: a subscriber for as long as it lasts."""

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
        """Wait for news, no longer than asked for and not beyond the server's end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while (
            not self._news.is_set() and not self.conversations.engine.is_closing and (left := until - loop.time()) > 0
        ):
            try:
                await asyncio.wait_for(self._news.wait(), min(left, LOOK_EVERY_S))
            except TimeoutError:
                continue

    def leave(self) -> None:
        conversation, self.conversation = self.conversation, None
        if conversation is not None:
            conversation.subscribers.remove(self)
            self.conversations.release(conversation)

    def notify(self, news: News) -> None:
        """Wake the request up. Its response is read from the log, but for errors, which the log does not contain."""
        match news:
            case Typing():
                return
            case Failed(error, message_id, seq):
                shown = dict(refusal(error)["error"])
                shown |= {key: value for key, value in (("message_id", message_id), ("seq", seq)) if value is not None}
                self.errors.append(shown)
            case Committed() | Moved():
                pass
        self._news.set()


def _has_news(answer: Json) -> bool:
    return bool(answer["messages"] or answer["gap"])


def _nobody(_: Conversation, __: Admission) -> None:
    """Follow nothing: the request ends with its answer."""


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
