"""The Socket.IO channel: plain Rasa clients and protocol 1 on one server.

python-socketio speaks the transport; what comes after it is ours: each socket has a `Connection` with a bounded queue,
whose requests are served strictly in order (python-socketio would run each in a task of its own), and packets are
put straight into the socket's outgoing queue, acknowledgements included, so that what a client receives has the order
in which we decided it. Rooms are not used: a conversation knows its subscribers (a client-chosen string is never a
room's name, and a session id may equal a socket id).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import engineio.packet
import msgspec
import socketio

from manent.core.errors import InternalError, ManentError, Problem, ProjectError, RequestError
from manent.core.events import BotUttered, Json
from manent.core.log import LogEntry
from manent.core.messages import UserMessage
from manent.runtime import view
from manent.runtime.conversation import Conversation
from manent.runtime.conversations import Conversations
from manent.runtime.identity import ANYBODY, Admission, Caller, Identity
from manent.runtime.nesting import is_too_deep
from manent.runtime.rates import address_of
from manent.runtime.sessions import (
    Joined,
    Sessions,
    checked_message_id,
    checked_metadata,
    checked_text,
    refusal,
    tell_changed,
)
from manent.runtime.tokens import VerifiedToken

log = logging.getLogger("manent.socketio")

MAX_PACKET = 2_000_000
"""Bytes of one incoming packet; a larger one closes its socket. Up to here everything is answered."""

PING_AFTER_S = 1.0
"""How long after a reply a plain socket is asked whether it is still there (see `Connection.confirm_soon`)."""

WARN_BEFORE_S = 60.0
"""How long before its token expires a socket is told so."""

MAX_WAITING = 4 * MAX_PACKET
"""Characters that may wait in one socket's queues: of requests that were not served yet, of packets not taken yet.

What is at work, or on its way, is not counted; one packet alone always passes.
"""

CONNECT_WITHIN_S = 45.0
"""In which a socket has to have joined the namespace, and been let in; otherwise it only costs us memory."""

DRAIN_S = 0.02
"""Pause in a long replay while a socket takes what it was sent."""

LONGEST_TIMER_S = 24 * 3600.0
SOON_S = 0.02
"""A timer never fires at once: a socket that has just connected is first told that it is."""

_BINARY = ("5", "6")
"""Socket.IO's packets that say how many binary ones follow."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIoOptions:
    """The `socketio:` section of `credentials.yml`."""

    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    namespace: str = "/"
    session_persistence: bool = False
    socketio_path: str = "/socket.io"
    metadata_key: str = "metadata"


def read_options(section: Json, file: str = "credentials.yml") -> SocketIoOptions:
    """Read the section; unknown keys are left alone, as Rasa does.

    Raises:
        ProjectError: a value of the wrong type.
    """
    known = {key: value for key, value in section.items() if key in SocketIoOptions.__slots__ and value is not None}
    try:
        return msgspec.convert(known, SocketIoOptions)
    except msgspec.ValidationError as error:
        problem = Problem(
            file=file,
            line=0,
            path="socketio",
            code="credentials.socketio",
            found=str(error),
            expected="the options of docs/protocol.md",
        )
        raise ProjectError([problem]) from error


class SocketIoChannel:
    """The channel of one server process. `app` wraps another ASGI application."""

    name = "socketio"

    def __init__(
        self, options: SocketIoOptions, conversations: Conversations, identity: Identity, *, cors: Sequence[str] = ()
    ) -> None:
        self.options = options
        self.conversations = conversations
        self.identity = identity
        self.sessions = Sessions(conversations, identity)
        self.cors = tuple(cors)
        self.connections: dict[str, Connection] = {}
        self.server = _Server(self)
        self._refused: set[str] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def app(self, other: Any) -> Any:
        """Return an ASGI application that serves the socket path itself and hands the rest on."""
        return socketio.ASGIApp(self.server, other, socketio_path=self.options.socketio_path)

    async def authenticate(self, auth: Any, environ: Json) -> Caller:
        """Find out who connects: the token is in the `auth` payload, or in the `Authorization` header.

        Raises:
            RequestError: see `Identity.authenticate`.
        """
        token = auth.get("token") if isinstance(auth, dict) else None
        if token is None:
            scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            token = given.strip() if scheme.lower() == "bearer" else None
        scope = environ.get("asgi.scope") or {}
        client = scope.get("client")
        caller = await self.identity.authenticate(token, address_of(client[0] if client else None))
        self.conversations.rates.connect_as(caller.subject)
        return caller

    def end_revoked(self) -> None:
        """End the sockets whose tokens count no more; called when a revocation became known."""
        for connection in tuple(self.connections.values()):
            connection.end_if_refused()

    def end_stranger(self, eio_sid: str) -> None:
        """End a socket that nobody was let in by."""
        socket = self.server.eio.sockets.get(eio_sid)
        if socket is not None and eio_sid not in self.connections:
            ending = asyncio.get_running_loop().create_task(_hang_up(socket))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def flush(self, within_s: float) -> None:
        """Wait until the sockets have taken what is queued for them, at most so many seconds."""
        for _ in range(round(within_s / DRAIN_S)):
            if all(one.socket.queue.empty() for one in self.connections.values()):
                return
            await asyncio.sleep(DRAIN_S)

    def accepts_origin(self, origin: str, environ: Json) -> bool:
        """Whether a page of this origin may connect: the same host's, or one that `--cors` names."""
        if "*" in self.cors or origin in self.cors:
            return True
        host = environ.get("HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST")
        if host and urlsplit(origin).netloc == host:
            return True
        if origin not in self._refused and len(self._refused) < 1000:  # noqa: PLR2004  # bounded: origins are client input
            self._refused.add(origin)
            log.warning("refused a page of another origin; to allow it: --cors %s", origin)
        return False


async def _hang_up(socket: Any) -> None:
    """Close an Engine.IO socket, whether its client closes it in turn or not."""
    await socket.close(wait=False)
    socket.queue.put_nowait(None)  # ends the task that writes to it, which then closes the connection


class _Server(socketio.AsyncServer):  # type: ignore[misc]  # the package has no types
    """python-socketio's server, with events going to our connections instead of tasks of their own."""

    def __init__(self, channel: SocketIoChannel) -> None:
        super().__init__(
            async_mode="asgi",
            cors_allowed_origins=channel.accepts_origin,
            max_http_buffer_size=MAX_PACKET,
            json=_Json,
            logger=False,
            engineio_logger=False,
        )
        self.channel = channel
        namespace = channel.options.namespace
        self.on("connect", self._connected, namespace=namespace)
        self.on("disconnect", self._disconnected, namespace=namespace)

    async def _connected(self, sid: str, environ: Json, auth: Any = None) -> bool:
        try:
            caller = await self.channel.authenticate(auth, environ)
        except RequestError as error:
            log.info("refused a connection", extra={"code": error.code, "error": error.message})
            if self.channel.identity.mode == "open":
                return False  # `jwt_key` alone is Rasa's mode, and this Rasa's sentence
            raise socketio.exceptions.ConnectionRefusedError(error.message, refusal(error)["error"]) from None
        eio_sid = self.manager.eio_sid_from_sid(sid, self.channel.options.namespace)
        if eio_sid is None or eio_sid not in self.eio.sockets:
            return False  # it left meanwhile
        before = self.channel.connections.pop(eio_sid, None)
        if before is not None:
            before.close()
        self.channel.connections[eio_sid] = Connection(self.channel, sid, self.eio.sockets[eio_sid], caller)
        return True

    async def _disconnected(self, sid: str, reason: object = None) -> None:
        del reason
        eio_sid = self.manager.eio_sid_from_sid(sid, self.channel.options.namespace)
        connection = self.channel.connections.pop(eio_sid, None)
        if connection is not None:
            connection.close()
            asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, self.channel.end_stranger, eio_sid)

    async def _handle_eio_connect(self, eio_sid: str, environ: Json) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        # The handshake that Rasa's clients know has no maxPayload; its packet waits in the queue at this moment.
        for packet in self.eio.sockets[eio_sid].queue._queue:  # noqa: SLF001
            packet.data.pop("maxPayload", None)
        asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, self.channel.end_stranger, eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        connection = self.channel.connections.get(eio_sid)
        try:
            if not isinstance(data, str) or data[:1] in _BINARY:
                raise TypeError("a binary packet")  # noqa: TRY301  # nothing here is binary; it would collect in memory
            if connection is not None:
                connection.arriving = len(data)
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # whatever a client sends is its own fault, answered like other bad requests, and no traceback in our log
            log.debug("a packet could not be read", exc_info=error)
            if connection is not None:
                connection.emit("error", refusal(RequestError("bad_request", "a packet could not be read"))["error"])

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002
        connection = self.channel.connections.get(eio_sid)
        if connection is not None and (namespace or "/") == self.channel.options.namespace and data:
            connection.receive(data[0], data[1] if len(data) > 1 else None, id)


class _Json:
    """The codec that python-socketio is given: several times faster than the standard library's."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return _encode(value).decode()

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        if is_too_deep(text):
            raise ValueError("JSON nested too deeply")
        return msgspec.json.decode(text)


class Connection:
    """One socket: its queue of requests, the conversation that it follows, and its cursor.

    It is the conversation's `Subscriber`. `cursor` is the newest `seq` that was sent; nothing at or below it is sent
    again.
    """

    __slots__ = (
        "_ending",
        "_expiry",
        "_held",
        "_queue",
        "_unsent",
        "_waiting",
        "_warned",
        "_worker",
        "admission",
        "arriving",
        "caller",
        "channel",
        "confirmable",
        "conversation",
        "cursor",
        "joined_at",
        "pings",
        "protocol",
        "sid",
        "socket",
    )

    def __init__(self, channel: SocketIoChannel, sid: str, socket: Any, caller: Caller = ANYBODY) -> None:
        self.channel = channel
        self.sid = sid
        self.socket = socket
        self.protocol = 0
        self.conversation: Conversation | None = None
        self.admission: Admission | None = None
        self.caller = caller
        self.cursor = 0
        self.joined_at = 0
        self.confirmable = 0
        self.pings = 0
        self.arriving = 0
        self._held: list[LogEntry] | None = None
        self._queue: deque[tuple[str, Any, int | None, int]] = deque()
        self._waiting = 0
        self._unsent = 0
        self._worker: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._warned: VerifiedToken | None = None
        self._watch_expiry()

    # requests -------------------------------------------------------------------------------------------------------

    def receive(self, event: Any, payload: Any, ack: int | None) -> None:
        """Take a request into the queue."""
        if self._ending is not None:
            return
        most = self.channel.conversations.limits.waiting_per_socket
        if len(self._queue) >= most or self._waiting > MAX_WAITING:
            error = RequestError("busy", "too many requests of this socket are waiting", status=429, retry_after=1.0)
            self._refuse(error, payload, ack)
            return
        self._queue.append((event, payload, ack, self.arriving))
        self._waiting += self.arriving
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._queue:
                event, payload, ack, size = self._queue.popleft()
                self._waiting -= size
                try:
                    await self._serve(event, payload, ack)
                except ManentError as error:
                    self._stop_joining()
                    self._refuse(error, payload, ack)
                except Exception:
                    self._stop_joining()
                    log.exception("request failed", extra={"event_name": str(event)[:64]})
                    self._refuse(InternalError("internal_error", "the request could not be served"), payload, ack)
        finally:
            self._worker = None

    async def _serve(self, event: Any, payload: Any, ack: int | None) -> None:
        self.channel.identity.check(self.caller)
        speaks_protocol = isinstance(payload, dict) and "protocol" in payload
        if event == "session_request" and not speaks_protocol:
            await self._plain_session_request(payload, ack)
        elif event == "session_request" or self.protocol:
            await self._protocol_request(event, payload, ack)
        elif event == self.channel.options.user_message_evt:
            await self._plain_message(payload, ack)
        else:
            log.debug("ignored an event of a plain client, as Rasa does")

    def _refuse(self, error: ManentError, payload: Any, ack: int | None) -> None:
        """Say what went wrong: in the acknowledgement when one was asked for, and to plain pages as an event."""
        answer = refusal(error)
        if ack is not None:
            self.acknowledge(ack, answer)
        if ack is None or not self.protocol:
            told = dict(answer["error"])
            if isinstance(payload, dict) and isinstance(payload.get("message_id"), str):
                told["message_id"] = payload["message_id"]
            self.emit("error", told)

    # protocol 1 -----------------------------------------------------------------------------------------------------

    async def _protocol_request(self, event: Any, payload: Any, ack: int | None) -> None:
        if not isinstance(payload, dict):
            raise RequestError("bad_request", f"a request is an object; found {type(payload).__name__}")
        sessions, caller, member = self.channel.sessions, self.caller, self.admission
        match event:
            case "session_request":
                self._joined(await sessions.join(payload, self._follow, caller, member), ack)
            case "user_uttered":
                name = self.channel.name
                ticket = await sessions.submit(payload, input_channel=name, caller=caller, member=member)
                receipt = await ticket.accepted
                self.acknowledge(ack, {"ok": True, "seq": receipt.seq, "duplicate": receipt.duplicate})
            case "history_request":
                self.acknowledge(ack, await sessions.history(payload, caller, member))
            case "session_reset":
                await self._reset(payload, ack)
            case "session_erase":
                await self._erase(payload, ack)
            case "session_list":
                self.acknowledge(ack, await sessions.mine(caller))
            case "token_refresh":
                self.caller, answer = await sessions.refresh(payload, caller)
                self._watch_expiry()
                self.acknowledge(ack, answer)
            case _:
                raise RequestError("unknown_request", f"there is no request {str(event)[:64]!r}")

    def _follow(self, conversation: Conversation, admission: Admission) -> None:
        """Begin to collect what is committed from now on; it is sent after the answer."""
        self.protocol = 1
        self._switch(conversation, admission)
        self._held = []

    def _joined(self, joined: Joined, ack: int | None) -> None:
        """Answer, then send what was committed while the answer was read."""
        self.acknowledge(ack, joined.answer)
        self.cursor = joined.version
        held, self._held = self._held or [], None
        self.deliver(held)

    def _stop_joining(self) -> None:
        """A request failed: what was followed on its behalf is not, and nothing is collected for it."""
        if self._held is not None:
            self._held = None
            self.leave()

    async def _reset(self, payload: Json, ack: int | None) -> None:
        old = self.conversation
        joined = await self.channel.sessions.reset(payload, self._follow, self.caller, self.admission)
        self._joined(joined, ack)
        tell_changed(old, "reset", joined, but=self)

    async def _erase(self, payload: Json, ack: int | None) -> None:
        old, joined = await self.channel.sessions.erase(payload, self._follow, self.caller, self.admission)
        self._joined(joined, ack)
        tell_changed(self.channel.conversations.get(old.sender_id), "erased", joined, but=self)

    # plain clients --------------------------------------------------------------------------------------------------

    async def _plain_session_request(self, payload: Any, ack: int | None) -> None:
        if payload is not None and not isinstance(payload, dict):
            raise RequestError("bad_request", f"session_request takes an object; found {type(payload).__name__}")
        session_id = payload.get("session_id") if payload else None
        token = payload.get("session_token") if payload else None
        admission = await self.channel.identity.admit(session_id, token, self.caller)
        self.protocol = 0
        if not self.channel.options.session_persistence:
            self.emit("session_confirm", admission.sender_id)
            self.acknowledge_plainly(ack)
            return
        conversation = self.channel.conversations.get(admission.sender_id)
        already = self.joined_at if conversation is self.conversation else None
        if already is None:
            self._switch(conversation, admission)
        self._held = []
        head = await self.channel.conversations.store.head(admission.sender_id)
        self.emit("session_confirm", self.channel.identity.confirmation(admission))
        if head is not None:
            await conversation.catch_up(head.epoch, head.version)
            until = head.version if already is None else already
            await self._replay_plainly(conversation, head.plain_seq, until)
            self.cursor = max(self.cursor, until)
        self.confirmable = 1
        held, self._held = self._held or [], None
        self.deliver(held)
        self.acknowledge_plainly(ack)

    async def _replay_plainly(self, conversation: Conversation, after: int, until: int) -> None:
        """Send the bot events that no plain socket is known to have received."""
        page_size = self.channel.conversations.limits.page
        while after < until:
            page = await self.channel.conversations.store.after(conversation.sender_id, after, limit=page_size)
            if page is None or not page.entries:
                return
            for entry in page.entries:
                if entry.seq <= until:
                    self._emit_plainly(entry)
            after = page.entries[-1].seq
            if not page.has_more:
                return
            while self.socket.queue.qsize() > page_size and not self.socket.closed:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(DRAIN_S)

    async def _plain_message(self, payload: Any, ack: int | None) -> None:
        options = self.channel.options
        if not isinstance(payload, dict):
            raise RequestError(
                "bad_request", f"{options.user_message_evt} takes an object; found {type(payload).__name__}"
            )
        text = payload.get("message", "")
        if text is None:
            text = ""
        if not isinstance(text, str):
            raise RequestError("bad_request", f"message must be a string; found {type(text).__name__}")
        metadata = payload.get(options.metadata_key)
        if isinstance(metadata, str):
            metadata = _json_object(metadata)
        message_id = checked_message_id(payload.get("message_id"))
        identity = self.channel.identity
        if options.session_persistence:
            if payload.get("session_id") is None:
                raise RequestError("bad_session_id", "session_id is missing: this server keeps sessions")
            admission = await self._admit_plainly(payload)
        elif identity.mode == "jwt" and self.caller.subject is not None:
            admission = await identity.admit(self.sid, None, self.caller)
        else:
            admission = Admission(sender_id=self.sid)
        self.channel.conversations.rates.speak(self.caller.address, self.caller.subject or admission.sender_id)
        conversation = self.channel.conversations.get(admission.sender_id)
        message = UserMessage(
            sender_id=admission.sender_id,
            text=checked_text(text, self.channel.conversations.limits.text),
            message_id=message_id,
            input_channel=self.channel.name,
            output_channel=self.channel.name,
            metadata=checked_metadata(metadata),
        )
        if conversation is not self.conversation:
            await self._join_by_speaking(conversation, admission)
        ticket = conversation.submit(message, confirm=partial(identity.confirm, admission))
        await ticket.accepted
        if ack is not None:
            await ticket.finished
            self.acknowledge_plainly(ack)

    async def _admit_plainly(self, payload: Json) -> Admission:
        """Admit the sender of a message; a member sends what it was confirmed, which costs no look into the store."""
        session_id, member = payload["session_id"], self.admission
        if member is not None and session_id in (member.sender_id, self.channel.identity.confirmation(member)):
            return member
        return await self.channel.identity.admit(session_id, payload.get("session_token"), self.caller)

    async def _join_by_speaking(self, conversation: Conversation, admission: Admission) -> None:
        """Follow a conversation because of a message in it: what is committed from now on is for this socket, too.

        socket.io-client sends what was typed during an outage before it runs the page's `connect` handler, so that the
        message may come before `session_request` (which then sends what had been missed up to here).
        """
        self._switch(conversation, admission)
        self._held = []
        head = await self.channel.conversations.store.head(conversation.sender_id)
        if head is not None:
            await conversation.catch_up(head.epoch, head.version)
        self.joined_at = self.cursor = head.version if head is not None else 0
        held, self._held = self._held, None
        self.deliver(held)

    # following ------------------------------------------------------------------------------------------------------

    def _switch(self, conversation: Conversation, admission: Admission) -> None:
        if self.conversation is not conversation:
            self.leave()
            self.conversation = conversation
            conversation.subscribers.append(self)
            self.cursor = self.joined_at = self.confirmable = 0
        conversation.owner = admission.owner or conversation.owner
        self.admission = admission

    def close(self) -> None:
        """The socket is gone."""
        self.leave()
        if self._expiry is not None:
            self._expiry.cancel()

    def leave(self) -> None:
        """Stop following."""
        conversation, self.conversation = self.conversation, None
        self.admission = None
        if conversation is not None:
            if self in conversation.subscribers:
                conversation.subscribers.remove(self)
            self.channel.conversations.release(conversation)

    def deliver(self, entries: Sequence[LogEntry]) -> None:
        """Send committed entries, in order, none twice."""
        if self._held is not None:
            self._held += entries
            return
        sent = False
        for entry in entries:
            if entry.seq <= self.cursor:
                continue
            self.cursor = entry.seq
            if self.protocol:
                self._emit_messages(entry)
            else:
                sent = self._emit_plainly(entry) or sent
        if sent:
            self._confirm_soon()

    def _emit_messages(self, entry: LogEntry) -> None:
        for message in view.messages_of(entry):
            event = "bot_uttered" if message.pop("role") == "bot" else "user_uttered"
            self.emit(event, message)

    def _emit_plainly(self, entry: LogEntry) -> bool:
        if not isinstance(entry.event, BotUttered):
            return False
        for part in view.bot_parts(entry.event):
            self.emit(self.channel.options.bot_message_evt, view.plain_payload(part))
        return True

    def typing(self, *, on: bool) -> None:
        """Show or hide the typing indicator."""
        if self.protocol:
            self.emit("bot_typing", {"on": on})

    def changed(self, told: Json) -> None:
        """Tell where the conversation went on; a socket that is just joining has it in its answer."""
        gone = told["reason"] == "erased" and self.channel.identity.mode == "jwt"
        taken = told["reason"] == "claimed" and self.admission is not None and self.admission.owner is None
        if self._held is None:
            self.cursor = 0
            if self.protocol:
                self.emit("session_changed", told)
        if gone or taken:
            self.leave()  # it is, or may become, somebody else's; to go on, this socket has to prove that it is theirs

    def failed(self, error: ManentError, *, message_id: str | None, seq: int | None) -> None:
        """Tell of an error after acceptance."""
        if self.protocol:
            told = dict(refusal(error)["error"])
            if message_id is not None:
                told["message_id"] = message_id
            if seq is not None:
                told["seq"] = seq
            self.emit("error", told)

    # the token's end ------------------------------------------------------------------------------------------------

    def _watch_expiry(self) -> None:
        """Set the timer for the next thing that has to happen to this socket because of its token's age."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        verifier, token = self.channel.identity.verifier, self.caller.token
        if verifier is None or token is None or token.expires_at is None or self.socket.closed:
            return
        left = token.expires_at + verifier.rules.leeway_s - time.time()
        wait_s = left if self._warned is token else left - WARN_BEFORE_S
        step = self.end_if_refused if self._warned is token else self._warn
        if wait_s > LONGEST_TIMER_S:
            wait_s, step = LONGEST_TIMER_S, self._watch_expiry
        self._expiry = asyncio.get_running_loop().call_later(max(SOON_S, wait_s), step)

    def _warn(self) -> None:
        self._warned = self.caller.token
        if self._warned is not None:
            self.emit("token_expiring", {"expires_at": self._warned.expires_at})
        self._watch_expiry()

    def end_if_refused(self) -> None:
        """End this socket if its token has run out or was revoked; it is told which."""
        try:
            self.channel.identity.check(self.caller)
        except RequestError as error:
            reason = "revoked" if error.code == "jwt_revoked" else "expired"
            log.info("ended a socket", extra={"reason": reason})
            self.end({"reason": reason})
        else:
            self._watch_expiry()

    def end(self, told: Json) -> None:
        """Say why, stop following, and close the socket once that is sent."""
        if self._ending is None:
            self._queue.clear()
            self._waiting = 0
            self.emit("session_changed", told)
            if not self.protocol:
                self.emit("error", {"code": f"token_{told['reason']}", "message": f"the token is {told['reason']}"})
            self.leave()
            closing = self.channel.server.disconnect(self.sid, namespace=self.channel.options.namespace)
            self._ending = asyncio.get_running_loop().create_task(closing)

    # what plain sockets have received -------------------------------------------------------------------------------

    def _confirm_soon(self) -> None:
        """Ask a plain socket, a moment after a reply, whether it is still there; its pong confirms the reply.

        Plain clients acknowledge nothing, but every Engine.IO client answers a ping, in order: a pong that answers a
        ping sent after a reply proves that the reply arrived. The regular ping comes every 25 s only; until then a
        reload would repeat the reply.
        """
        if not self.confirmable or self.pings or not self.channel.options.session_persistence:
            return
        self.pings = -1  # asked, not yet sent
        asyncio.get_running_loop().call_later(PING_AFTER_S, self._ping)

    def _ping(self) -> None:
        if self.socket.closed or self.conversation is None:
            return
        self.pings = 2 if self.socket.last_ping else 1  # a regular ping that is on its way is answered first
        _watch_pongs(self.socket, _Confirmation(self, self.conversation, self.cursor).pong)
        self.socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.PING))

    # sending --------------------------------------------------------------------------------------------------------

    def emit(self, event: str, payload: Any) -> None:
        """Send an event."""
        self._send("2", b"[" + _encode(event) + b"," + _encode(payload) + b"]")

    def acknowledge(self, ack: int | None, answer: Json) -> None:
        """Send the acknowledgement, if one was asked for."""
        if ack is not None:
            self._send(f"3{self._prefix()}{ack}", b"[" + _encode(answer) + b"]", prefixed=True)

    def acknowledge_plainly(self, ack: int | None) -> None:
        """Send Rasa's empty acknowledgement, if one was asked for."""
        if ack is not None:
            self._send(f"3{self._prefix()}{ack}", b"[]", prefixed=True)

    def _prefix(self) -> str:
        namespace = self.channel.options.namespace
        return "" if namespace == "/" else f"{namespace},"

    def _send(self, kind: str, body: bytes, *, prefixed: bool = False) -> None:
        queue = self.socket.queue
        if queue.empty():
            self._unsent = 0
        elif self._unsent > MAX_WAITING:  # counted anew: some of it has been sent
            self._unsent = sum(len(packet.data or "") for packet in queue._queue if packet is not None)  # noqa: SLF001
        if queue.qsize() >= self.channel.conversations.limits.outgoing_per_socket or self._unsent > MAX_WAITING:
            self._drop()
        elif not self.socket.closed:
            head = kind if prefixed else kind + self._prefix()
            self._unsent += len(body)
            queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, head + body.decode()))

    def _drop(self) -> None:
        """Close a socket that does not take what is sent to it, so that it does not fill our memory."""
        if self._ending is None:
            log.warning("closed a socket that does not read what it is sent")
            while not self.socket.queue.empty():
                self.socket.queue.get_nowait()
            self._ending = asyncio.get_running_loop().create_task(self.socket.close(wait=False, abort=True))


class _Confirmation:
    """Waits for the pong that answers our ping, then records what the socket had been sent before it."""

    __slots__ = ("connection", "conversation", "seq")

    def __init__(self, connection: Connection, conversation: Conversation, seq: int) -> None:
        self.connection = connection
        self.conversation = conversation
        self.seq = seq

    def pong(self) -> bool:
        """Take a pong; True when it was the one."""
        connection = self.connection
        connection.pings -= 1
        if connection.pings > 0:
            return False
        connection.pings = 0
        self.conversation.confirm_plain(self.seq)
        if connection.conversation is self.conversation and connection.cursor > self.seq:
            connection._confirm_soon()  # noqa: SLF001  # more was sent meanwhile
        return True


def _watch_pongs(socket: Any, pong: Callable[[], bool]) -> None:
    """Call `pong` for each pong of an Engine.IO socket until it returns True."""
    receive = type(socket).receive

    async def watching(packet: Any) -> None:
        if packet.packet_type == engineio.packet.PONG and pong():
            del socket.receive
        await receive(socket, packet)

    socket.receive = watching


def _json_object(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"metadata is not JSON: {error}") from error
