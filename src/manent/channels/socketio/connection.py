"""The connection of one client: its socket, a bounded queue of requests, and the conversation that it follows.

`server.py` creates a `Connection` for each socket that it accepts. The connection serves requests strictly in order,
whereas python-socketio would run each request in a separate task. A `Dialect` reads the requests and writes the
packets. The conversation calls `notify` when it changes.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from manent.channels.socketio.dialect import Dialect, Request
from manent.channels.socketio.options import SocketIoOptions
from manent.channels.socketio.send_queue import MAX_WAITING, SendQueue
from manent.core.conversation_log import LogEntry
from manent.core.errors import InternalError, ManentError, RequestError
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import AgentTyping, Committed, Failed, HandlerChanged, Moved, News, Typing
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import ANYBODY, Admission, Caller
from manent.runtime.identity.tokens import VerifiedToken
from manent.runtime.protocol1 import Sessions
from manent.runtime.refusal_log import note

log = logging.getLogger("manent.socketio")

WARN_BEFORE_S = 60.0
"""A client receives a warning this many seconds before its token expires."""

MAX_TIMER_S = 24 * 3600.0

MIN_TIMER_S = 0.02
"""Minimum delay of the timer. A new socket must first receive the response to its connect packet."""


class Connection:
    """The connection of one client, a `Subscriber` of the conversation that it follows.

    Args:
        sid: id of the socket in Socket.IO.
        socket: the socket of python-engineio.
        caller: the authenticated client.
        sessions: the sessions of protocol 1.
        options: the options of the channel.
        dialects: functions that create the dialects. The first dialect is used until a request selects another one.
        disconnect: closes the socket with this `sid` after all packets are sent.

    Attributes:
        dialect: the current dialect.
        conversation: the conversation that the client follows.
        admission: the permission to use `conversation`.
        cursor: `seq` of the newest entry that was sent. Entries up to this one are not sent again.
    """

    __slots__ = (
        "_dialects",
        "_disconnect",
        "_ending",
        "_expiry",
        "_held",
        "_is_closed",
        "_queue",
        "_spoken",
        "_waiting",
        "_warned",
        "_worker",
        "admission",
        "caller",
        "conversation",
        "cursor",
        "dialect",
        "options",
        "send_queue",
        "sessions",
        "sid",
    )

    def __init__(
        self,
        sid: str,
        socket: Any,
        caller: Caller = ANYBODY,
        *,
        sessions: Sessions,
        options: SocketIoOptions,
        dialects: Sequence[Callable[["Connection"], Dialect]],
        disconnect: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        self.sid = sid
        self.caller = caller
        self.sessions = sessions
        self.options = options
        self.send_queue = SendQueue(
            socket, namespace=options.namespace, max_packets=sessions.conversations.engine.limits.outgoing_per_socket
        )
        self.conversation: Conversation | None = None
        self.admission: Admission | None = None
        self.cursor = 0
        self._dialects = tuple(make(self) for make in dialects)
        self.dialect = self._dialects[0]
        self._disconnect = disconnect
        self._held: list[LogEntry | HandlerChanged] | None = None
        self._queue: list[Request] = []  # a list, because it is nearly always empty and a deque takes 0.6 kB
        self._waiting = 0
        self._worker: asyncio.Task[None] | None = None
        self._spoken: Ticket | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._warned: VerifiedToken | None = None
        self._is_closed = False
        self._watch_expiry()

    # requests -------------------------------------------------------------------------------------------------------

    def receive(self, request: Request) -> None:
        """Serve a request immediately if no other request is queued and serving it does not need to wait.

        If not, queue it.
        """
        if self._ending is not None or self.send_queue.dropped is not None:
            return
        max_waiting = self.sessions.conversations.engine.limits.waiting_per_socket
        if len(self._queue) >= max_waiting or self._waiting > MAX_WAITING:
            error = RequestError(
                "busy",
                "too many requests from this socket are queued; wait for responses before you send more",
                status=429,
                retry_after=1.0,
            )
            self._refuse(error, request)
            return
        # A fast client's next message may arrive before the callback of its previous, accepted message has run.
        if not self._queue and self._worker is None and (self._spoken is None or self._spoken.accepted.done()):
            if self._speak(request):
                return
            self._start_worker()
        self._queue.append(request)
        self._waiting += request.size

    def _speak(self, request: Request) -> bool:
        """Submit a message without starting a task. Return False if the request must be queued."""
        dialect = self.dialect
        try:
            self.sessions.identity.check(self.caller)
            ticket = dialect.speak(request)
        except ManentError as error:
            self._refuse(error, request)
            return True
        if ticket is None:
            return False
        self._spoken = ticket
        ticket.accepted.add_done_callback(lambda _: self._accepted(ticket, dialect, request))
        return True

    def _accepted(self, ticket: Ticket, dialect: Dialect, request: Request) -> None:
        """Confirm a message that `_speak` submitted, then serve the next requests."""
        error = ticket.accepted.exception()
        if isinstance(error, ManentError):
            self._refuse(error, request)
        else:
            dialect.accepted(request, ticket.accepted.result())
        if self._spoken is ticket:
            self._spoken = None
        if self._queue and self._worker is None and self._spoken is None:
            self._start_worker()
        self._release_if_over()

    def _start_worker(self) -> None:
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._queue:
                request = self._queue.pop(0)
                self._waiting -= request.size
                try:
                    self.sessions.identity.check(self.caller)
                    await self._dialect_of(request).serve(request)
                except ManentError as error:
                    self._stop_joining()
                    self._refuse(error, request)
                except Exception:
                    self._stop_joining()
                    log.exception("request failed", extra={"event_name": str(request.event)[:64]})
                    self._refuse(InternalError("internal_error", "the request could not be served"), request)
        finally:
            self._worker = None
            self._release_if_over()

    def _dialect_of(self, request: Request) -> Dialect:
        return next((dialect for dialect in self._dialects if dialect.claims(request)), self.dialect)

    def _refuse(self, error: ManentError, request: Request) -> None:
        note(error, way="socketio", address=self.caller.address)
        self.dialect.refuse(error, request)

    def _stop_joining(self) -> None:
        """Stop following a conversation if the request that failed was about to join it."""
        if self._held is not None:
            self._held = None
            self.leave()

    # following ------------------------------------------------------------------------------------------------------

    def follow(self, conversation: Conversation, admission: Admission, dialect: Dialect) -> None:
        """Follow this conversation only, using this dialect. Hold back new entries until `continue_from` is called."""
        self.dialect = dialect
        if self.conversation is not conversation:
            self.leave()
            self.conversation = conversation
            conversation.subscribers.append(self)
            self.cursor = 0
        conversation.owner = admission.owner or conversation.owner
        self.admission = admission
        self._held = []

    def continue_from(self, cursor: int) -> None:
        """Send the held-back entries after `cursor`, the newest `seq` that the client has. Then send new entries."""
        self.cursor = cursor
        held, self._held = self._held or [], None
        self.deliver([each for each in held if isinstance(each, LogEntry)])
        for each in held:
            if isinstance(each, HandlerChanged):
                self.dialect.notify(each)

    def leave(self) -> None:
        """Stop following."""
        conversation, self.conversation = self.conversation, None
        self.admission = None
        for dialect in self._dialects:
            dialect.left()
        if conversation is not None:
            if self in conversation.subscribers:
                conversation.subscribers.remove(self)
            self.sessions.conversations.release(conversation)

    @property
    def is_idle(self) -> bool:
        """Whether no request is queued or running, no turn of the conversation is running, and all packets are sent."""
        is_served = not self._queue and self._worker is None and self._spoken is None and self.send_queue.is_empty
        return is_served and (self.conversation is None or not self.conversation.mailbox.is_busy)

    def close(self) -> None:
        """Release all resources of a closed socket once its queued requests are served."""
        self._is_closed = True
        self.leave()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._release_if_over()

    def _release_if_over(self) -> None:
        """Release the dialects, which refer to this connection, if the socket is closed and no request is left."""
        if self._is_closed and self._worker is None and self._spoken is None and not self._queue:
            self.leave()  # a request that was served after the socket closed may have joined a conversation
            self._dialects = ()
            del self.dialect

    def notify(self, news: News) -> None:
        """Handle a change of the conversation."""
        match news:
            case Committed(entries):
                self.deliver(entries)
            case Moved():
                self._move(news)
            case HandlerChanged() if self._held is not None:
                self._held.append(news)  # the answer to the request may show an older handler
            case HandlerChanged() | Typing() | AgentTyping() | Failed():
                self.dialect.notify(news)

    def deliver(self, entries: Sequence[LogEntry]) -> None:
        """Send committed entries in order, each of them once."""
        if self._held is not None:
            self._held += entries
            return
        new = []
        for entry in entries:
            if entry.seq > self.cursor:
                self.cursor = entry.seq
                new.append(entry)
        if new:
            self.dialect.show(new)

    def _move(self, news: Moved) -> None:
        """Notify the client that its conversation has moved.

        A client that is joining receives this in the response instead.
        """
        reason, identity = news.payload["reason"], self.sessions.identity
        # Where subjects own conversations, another subject can begin one with the same id.
        is_gone = reason == "erased" and (identity.mode == "jwt" or identity.guards_owned)
        is_claimed = reason == "claimed" and self.admission is not None and self.admission.owner is None
        if self._held is None:
            self.cursor = 0
            self.dialect.notify(news)
        if is_gone or is_claimed:
            self.leave()  # the owner may be another subject now, so this socket must be admitted again

    # expiry of the token --------------------------------------------------------------------------------------------

    def call_as(self, caller: Caller) -> None:
        """Continue with another token of the same subject."""
        self.caller = caller
        self._watch_expiry()

    def _watch_expiry(self) -> None:
        """Set the timer for the warning before the token expires or, after the warning, for closing the socket."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        verifier, token = self.sessions.identity.verifier, self.caller.token
        if verifier is None or token is None or token.expires_at is None or self.send_queue.is_closed:
            return
        left_s = token.expires_at + verifier.rules.leeway_s - time.time()
        is_warned = self._warned is token
        wait_s = left_s if is_warned else left_s - WARN_BEFORE_S
        step = self.end_if_refused if is_warned else self._warn
        if wait_s > MAX_TIMER_S:
            wait_s, step = MAX_TIMER_S, self._watch_expiry
        self._expiry = asyncio.get_running_loop().call_later(max(MIN_TIMER_S, wait_s), step)

    def _warn(self) -> None:
        self._warned = self.caller.token
        if self._warned is not None:
            self.send_queue.emit("token_expiring", {"expires_at": self._warned.expires_at})
        self._watch_expiry()

    def end_if_refused(self) -> None:
        """Send the reason and close the socket if its token has expired or was revoked."""
        try:
            self.sessions.identity.check(self.caller)
        except RequestError as error:
            self._end("revoked" if error.code == "jwt_revoked" else "expired")
        else:
            self._watch_expiry()

    def _end(self, reason: str) -> None:
        """Send the reason, stop following the conversation, and then close the socket."""
        if self._ending is None and self.send_queue.dropped is None:
            log.info("ended a socket", extra={"reason": reason})
            self._queue.clear()
            self._waiting = 0
            self.dialect.ended(reason)
            self.leave()
            self._ending = asyncio.get_running_loop().create_task(self._disconnect(self.sid))
