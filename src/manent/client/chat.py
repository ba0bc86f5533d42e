"""A chat client, which connects, joins a session, sends its outbox until it is acknowledged, and receives events.

One task does these steps in order. If the connection is lost, the task reconnects with growing pauses. The library
python-socketio provides the transport. Its automatic reconnection is disabled, because no message may be sent before
the session is joined again.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import socketio

from manent.client.outbox import Outgoing, Refused, new_message_id
from manent.client.transcript import Json, Transcript

ACK_TIMEOUT_S = 30.0
"""Seconds to wait for an acknowledgement.

The server acknowledges a message when its turn starts, which may be after earlier slow turns.
"""

FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 5.0

Predicate = Callable[[list[Json]], bool]


class ChatClient:
    """A client for one conversation on one server.

    Args:
        url: URL of the server.
        session_id: id of the conversation to continue. None starts a new conversation.
        session_token: the token that was issued with this id.
        state: return value of `state()` of an earlier client, which replaces `session_id` and `session_token`.
        path: path of Socket.IO on the server.
        namespace: Socket.IO namespace in the server's configuration.
        auth: payload of the connection, for example `{"token": <JWT>}`.
        on_event: called with the name and payload of every event that arrives.
        limit: number of events to request when the client joins.
        accepts: what the client understands beyond the first version of the protocol. With `agent`, messages of
            operators have the role `agent` and name the operator. Without this option, they look like bot messages.

    Attributes:
        typing: whether the bot is busy.
        handler: who handles the conversation: `bot`, `queue` or `human`. None: the client does not accept `agent`.
        operator: the operator, if `handler` is `human`.
        agent_typing: whether the operator types.
        errors: payloads of all `error` events.
    """

    def __init__(
        self,
        url: str,
        *,
        session_id: str | None = None,
        session_token: str | None = None,
        state: Json | None = None,
        path: str = "/socket.io",
        namespace: str = "/",
        auth: Json | None = None,
        on_event: Callable[[str, Json], None] | None = None,
        limit: int = 50,
        accepts: Sequence[str] = (),
    ) -> None:
        state = state or {}
        self.url = url
        self.session_id: str | None = state.get("session_id", session_id)
        self.session_token: str | None = state.get("session_token", session_token)
        self.transcript = Transcript(
            epoch=state.get("epoch", ""), cursor=state.get("cursor", 0), messages=state.get("messages", ())
        )
        self.typing = False
        self.handler: str | None = None
        self.operator: Json | None = None
        self.agent_typing = False
        self.errors: list[Json] = []
        self._accepts = list(accepts)
        self._path = path
        self._namespace = namespace
        self._auth = auth
        self._on_event = on_event
        self._limit = limit
        self._kept: list[Json] = list(state.get("outbox", ()))
        self._outbox: list[Outgoing] = []
        self._socket: Any = None
        self._http: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._lost = asyncio.Event()
        self._joined = asyncio.Event()
        self._refused: Refused | None = None
        self._pending: set[asyncio.Future[Json]] = set()
        self._rejoin = False
        self._has_gap = False
        self._moving = False

    # lifetime ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect and join."""
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def connect(self, *, timeout_s: float = 30.0) -> None:
        """Connect and join. Keep reconnecting until `close` is called.

        After `close`, this method connects again and sends the messages that are still in the outbox.

        Raises:
            Refused: the server rejected the session.
            TimeoutError: the server did not answer in time. The client keeps trying.
        """
        if self._task is None:
            self._outbox = [*(Outgoing(request) for request in self._kept), *self._outbox]
            self._kept, self._refused = [], None
            self._joined.clear()
            self._task = asyncio.create_task(self._run())
        async with asyncio.timeout(timeout_s):
            await self._joined.wait()
        if self._refused is not None:
            raise self._refused

    async def close(self) -> None:
        """Disconnect. The outbox keeps its messages (`state`), whose futures raise `Refused` (`closed`)."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._disconnect()
        self._refused = Refused("closed", "the client is closed; call connect to send the messages of its outbox")
        self._joined.set()
        for outgoing in self._outbox:
            outgoing.refuse(self._refused)

    def state(self) -> Json:
        """Return session, cursor, messages and outbox as JSON. Another client can continue from this state."""
        return {
            "session_id": self.session_id,
            "session_token": self.session_token,
            "epoch": self.transcript.epoch,
            "cursor": self.transcript.cursor,
            "messages": self.messages,
            "outbox": [*self._kept, *(outgoing.request for outgoing in self._outbox)],
        }

    # use ------------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[Json]:
        """The messages received so far, oldest first."""
        return self.transcript.messages

    def say(self, text: str, *, title: str | None = None, metadata: Json | None = None) -> "asyncio.Future[Json]":
        """Add a message to the outbox. The future returns the acknowledgement or raises `Refused`."""
        request: Json = {"session_id": self.session_id, "message": text, "message_id": new_message_id()}
        optional = {
            "session_token": self.session_token,
            "epoch": self.transcript.epoch or None,
            "title": title,
            "metadata": metadata,
        }
        request |= {key: value for key, value in optional.items() if value is not None}
        outgoing = Outgoing(request)
        self._outbox.append(outgoing)
        if self._refused is not None:
            outgoing.refuse(self._refused)
        self._wake.set()
        return outgoing.accepted

    async def send(self, text: str, *, title: str | None = None, metadata: Json | None = None) -> Json:
        """Send a message and wait for the acknowledgement. Retry until it arrives.

        Raises:
            Refused: the server rejected the message permanently, or the session when the client joined it again, or
                the client was closed (`closed`).
        """
        return await asyncio.shield(self.say(text, title=title, metadata=metadata))

    async def wait_for(self, predicate: Predicate, *, timeout_s: float = 10.0) -> list[Json]:
        """Wait until the predicate is true for the messages, and return them.

        Raises:
            TimeoutError: the predicate did not become true in time.
        """
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: predicate(self.messages))
        return self.messages

    async def older(self) -> bool:
        """Fetch a page of older messages. Return False if the client already has all messages.

        Raises:
            Refused: the server rejected the request.
        """
        if not self.transcript.has_more:
            return False
        await self._page_back()
        return True

    async def reset(self) -> None:
        """Start a new conversation. The old conversation stays on the server.

        Raises:
            Refused: the token does not belong to this conversation.
        """
        await self._enter("session_reset", self._session())

    async def erase(self) -> None:
        """Erase the conversation and continue in an empty conversation.

        Raises:
            Refused: the token does not belong to this conversation.
        """
        await self._enter("session_erase", self._session())

    async def rate(self, score: int, *, comment: str | None = None, of: int | None = None) -> None:
        """Rate the conversation from 1 to 5, or the message whose `seq` is `of`.

        Raises:
            Refused: the server rejected the rating.
        """
        optional = {"epoch": self.transcript.epoch or None, "comment": comment, "of": of}
        given = {key: value for key, value in optional.items() if value is not None}
        await self._request("rate", {**self._session(), "score": score, **given})

    async def show_typing(self, *, on: bool) -> None:
        """Show the operator that the visitor types, or has stopped.

        Raises:
            Refused: the client is not connected.
        """
        await self._request("user_typing", {**self._session(), "on": on})

    # the one task ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._open()
                await self._join()
                pause_s = FIRST_PAUSE_S
                await self._serve()
            except Refused as refused:
                if not refused.is_temporary:
                    self._refused = refused
                    self._joined.set()
                    for outgoing in self._outbox:  # nothing sends them any more
                        outgoing.refuse(refused)
                    return
                pause_s = max(pause_s, refused.retry_after or 0.0)
            except (socketio.exceptions.SocketIOError, OSError, TimeoutError):
                pass
            await self._disconnect()
            # a random pause, because many clients can reconnect at the same time
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
            pause_s = min(MAX_PAUSE_S, pause_s * 2)

    async def _open(self) -> None:
        self._lost.clear()
        # python-socketio does not close its own session when the connection is refused.
        self._http = aiohttp.ClientSession()
        socket = socketio.AsyncClient(reconnection=False, logger=False, http_session=self._http)
        socket.on("*", self._event, namespace=self._namespace)
        socket.on("disconnect", self._disconnected, namespace=self._namespace)
        self._socket = socket
        await socket.connect(
            self.url,
            auth=self._auth,
            socketio_path=self._path,
            namespaces=[self._namespace],
            transports=["websocket"],
            wait_timeout=10,
        )

    async def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        self._disconnected()
        if socket is not None:
            with contextlib.suppress(socketio.exceptions.SocketIOError, OSError):
                await socket.disconnect()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def _disconnected(self, *_: object) -> None:
        self._lost.set()
        self._wake.set()
        self.typing = False
        for pending in self._pending:
            if not pending.done():
                pending.set_exception(Refused("not_connected", "the connection was lost"))

    async def _serve(self) -> None:
        """Send the outbox until the connection is lost. Join the session again if events are missing."""
        while not self._lost.is_set():
            self._wake.clear()
            while self._outbox and not self._lost.is_set():
                await self._send(self._outbox[0])
            if self._rejoin:
                await self._join()
            await self._wake.wait()

    async def _send(self, outgoing: Outgoing) -> None:
        if outgoing.request.get("session_id") is None:  # the message was queued before the first join
            outgoing.request |= self._session()
        answer = await self._acknowledged("user_uttered", outgoing.request)
        if not answer.get("ok"):
            refused = Refused.of(answer)
            if refused.is_temporary:
                await asyncio.sleep(refused.retry_after or FIRST_PAUSE_S)
                return
        self._outbox.remove(outgoing)
        outgoing.settle(answer)

    # joining --------------------------------------------------------------------------------------------------------

    async def _join(self) -> None:
        self._rejoin = False
        request: Json = {"protocol": 1, "limit": self._limit, **self._session()}
        if self._accepts:
            request["accepts"] = self._accepts
        if self.transcript.epoch:
            request["cursor"] = {"epoch": self.transcript.epoch, "seq": self.transcript.cursor}
        await self._enter("session_request", request)
        self._joined.set()

    async def _enter(self, event: str, payload: Json) -> None:
        """Request a session. The answer is applied before any later event."""
        answer = await self._request(event, payload, self._take)
        if self._has_gap:
            await self._fill(answer["messages"])
        await self._notify()

    def _take(self, answer: Json) -> None:
        self.session_id = answer["session_id"]
        self.session_token = answer.get("session_token", self.session_token)
        self.typing = bool(answer.get("typing"))
        self.handler, self.operator = answer.get("handler"), answer.get("operator")
        self._has_gap = self.transcript.begin(answer)
        self._moving = False

    async def _fill(self, page: list[Json]) -> None:
        """Load, newest first, the messages in the gap between this page and the messages received before the join."""
        known = {message["id"] for message in self.messages} - {message["id"] for message in page}
        while page and page[0]["prev"] > 0 and not any(_event(id_) == page[0]["prev"] for id_ in known):
            request = {**self._session(), "before": page[0]["seq"], "limit": self._limit}
            answer = await self._request("history_request", request)
            self.transcript.add_history(answer)
            page = answer["messages"]

    async def _page_back(self) -> None:
        request = {**self._session(), "before": self.transcript.oldest, "limit": self._limit}
        self.transcript.add_history(await self._request("history_request", request))
        await self._notify()

    def _session(self) -> Json:
        named = {"session_id": self.session_id, "session_token": self.session_token}
        return {key: value for key, value in named.items() if value is not None}

    # the wire -------------------------------------------------------------------------------------------------------

    async def _request(self, event: str, payload: Json, take: Callable[[Json], None] | None = None) -> Json:
        answer = await self._acknowledged(event, payload, take)
        if not answer.get("ok"):
            raise Refused.of(answer)
        return answer

    async def _acknowledged(self, event: str, payload: Json, take: Callable[[Json], None] | None = None) -> Json:
        """Emit an event and return its acknowledgement.

        If the acknowledgement reports success, call `take` with it when it arrives.

        Raises:
            Refused: `not_connected`: the connection is lost.
            TimeoutError: no acknowledgement arrived. The server may or may not have received the event.
        """
        if self._socket is None or self._lost.is_set():
            raise Refused("not_connected", "not connected")
        answered: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._pending.add(answered)
        try:
            await self._socket.emit(event, payload, namespace=self._namespace, callback=_resolver(answered, take))
            async with asyncio.timeout(ACK_TIMEOUT_S):
                return await answered
        finally:
            self._pending.discard(answered)

    async def _event(self, event: str, payload: Any = None) -> None:
        if not isinstance(payload, dict):
            return
        match event:
            case "bot_uttered" | "user_uttered" | "agent_uttered" if self._moving:
                pass  # the event belongs to the previous conversation
            case "bot_uttered" | "user_uttered" | "agent_uttered":
                role = event.removesuffix("_uttered")
                if role != "user":
                    self.typing = self.agent_typing = False
                if not self.transcript.live({"role": role, **payload}):
                    self._join_again()
            case "bot_typing":
                self.typing = bool(payload.get("on"))
            case "agent_typing":
                self.agent_typing = bool(payload.get("on"))
            case "handler_changed":
                self.handler, self.operator = payload.get("handler"), payload.get("operator")
            case "session_changed":
                self.session_id = payload.get("session_id", self.session_id)
                self.session_token = payload.get("session_token", self.session_token)
                self._moving = self.transcript.move(payload.get("epoch", self.transcript.epoch))
                self._join_again()
            case "error":
                self.errors.append(payload)
            case _:
                pass
        if self._on_event is not None:
            self._on_event(event, payload)
        await self._notify()

    def _join_again(self) -> None:
        self._rejoin = True
        self._wake.set()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _resolver(answered: "asyncio.Future[Json]", take: Callable[[Json], None] | None) -> Callable[..., None]:
    def resolve(*arguments: Any) -> None:
        answer = arguments[0] if arguments and isinstance(arguments[0], dict) else {"error": {"code": "no_answer"}}
        if answered.done():
            return
        if take is not None and answer.get("ok"):
            take(answer)
        answered.set_result(answer)

    return resolve


def _event(message_id: str) -> int:
    return int(message_id.partition(".")[0])


def texts(messages: Iterable[Json]) -> list[str]:
    """Return the texts of messages, for example for tests and logs."""
    return [str(message.get("message") if message["role"] == "user" else message.get("text")) for message in messages]
