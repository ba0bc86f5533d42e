"""One socket of the Socket.IO channel: its queue of requests, the conversation that it follows, and its cursor.

Made by `socketio.py` for each socket that was let in. Requests are served strictly in order, from a bounded queue
(python-socketio would run each in a task of its own): a plain client's by `socketio/plain.py`, protocol 1's by
`socketio/protocol1.py`. What is committed in the conversation comes in by `deliver`, and leaves through `send_queue`.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from manent.channels.socketio import plain
from manent.channels.socketio import protocol1 as protocol
from manent.channels.socketio.send_queue import MAX_WAITING, SendQueue
from manent.core.conversation_log import LogEntry
from manent.core.errors import InternalError, ManentError, RequestError
from manent.core.events import Json
from manent.runtime import visitor_messages
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Committed, Failed, Moved, News, Typing
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import ANYBODY, Admission, Caller
from manent.runtime.identity.tokens import VerifiedToken
from manent.runtime.protocol1 import refusal
from manent.runtime.refusal_log import note

if TYPE_CHECKING:
    from manent.channels.socketio.channel import SocketIoChannel

log = logging.getLogger("manent.socketio")

WARN_BEFORE_S = 60.0
"""How long before its token expires a socket is told so."""

LONGEST_TIMER_S = 24 * 3600.0
SOON_S = 0.02
"""A timer never fires at once: a socket that has just connected is first told that it is."""


class Connection:
    """One socket: its queue of requests, the conversation that it follows, and its cursor.

    It is the conversation's `Subscriber`.

    Attributes:
        sid: Socket.IO's id of it.
        socket: Engine.IO's.
        caller: who connected.
        protocol: the version that it speaks; 0 for a plain client.
        admission: what it was let into `conversation` as.
        cursor: the newest `seq` that was sent; nothing at or below it is sent again.
        arriving: characters of the packet that is being taken.
        joined_at, confirmable, pings: `socketio/plain.py`'s: the log's version when it joined, whether it asked for the
            session, and how many pongs are awaited until one confirms a reply (-1: soon).
    """

    __slots__ = (
        "_ending",
        "_expiry",
        "_held",
        "_queue",
        "_spoken",
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
        "send_queue",
        "sid",
        "socket",
    )

    def __init__(self, channel: "SocketIoChannel", sid: str, socket: Any, caller: Caller = ANYBODY) -> None:
        self.channel = channel
        self.sid = sid
        self.socket = socket
        self.protocol = 0
        self.conversation: Conversation | None = None
        self.admission: Admission | None = None
        self.caller = caller
        self.cursor = 0
        self.joined_at = 0
        self.confirmable = False
        self.pings = 0
        self.arriving = 0
        self._held: list[LogEntry] | None = None
        self._queue: deque[tuple[str, Any, int | None, int]] = deque()
        self._waiting = 0
        self.send_queue = SendQueue(
            socket,
            namespace=channel.options.namespace,
            most=channel.conversations.engine.limits.outgoing_per_socket,
        )
        self._worker: asyncio.Task[None] | None = None
        self._spoken: Ticket | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._warned: VerifiedToken | None = None
        self._watch_expiry()

    # requests -------------------------------------------------------------------------------------------------------

    def receive(self, event: Any, payload: Any, ack: int | None) -> None:
        """Serve a request at once where nothing waits before it and nothing is to be waited for, else queue it."""
        if self._ending is not None or self.send_queue.dropped is not None:
            return
        most = self.channel.conversations.engine.limits.waiting_per_socket
        if len(self._queue) >= most or self._waiting > MAX_WAITING:
            error = RequestError("busy", "too many requests of this socket are waiting", status=429, retry_after=1.0)
            self._refuse(error, payload, ack)
            return
        # A quick client's next message may come before the callback of the last one, which is accepted already.
        if not self._queue and self._worker is None and (self._spoken is None or self._spoken.accepted.done()):
            if self._speak_at_once(event, payload, ack):
                return
            self._worker = asyncio.get_running_loop().create_task(self._work())
        self._queue.append((event, payload, ack, self.arriving))
        self._waiting += self.arriving

    def _speak_at_once(self, event: Any, payload: Any, ack: int | None) -> bool:
        """Take a member's message without a task of its own; False: it has to wait for something, or is none."""
        try:
            self.channel.identity.check(self.caller)
            speak = protocol.speak_at_once if self.protocol else plain.speak_at_once
            ticket = speak(self, event, payload, ack)
        except ManentError as error:
            self._refuse(error, payload, ack)
            return True
        if ticket is None:
            return False
        self._spoken = ticket
        ticket.accepted.add_done_callback(lambda _: self._accepted(ticket, payload, ack))
        return True

    def _accepted(self, ticket: Ticket, payload: Any, ack: int | None) -> None:
        """Answer a message that was taken at once, and go on with what came after it."""
        error = ticket.accepted.exception()
        if isinstance(error, ManentError):
            self._refuse(error, payload, ack)
        elif ack is not None:
            self.send_queue.acknowledge(ack, protocol.receipt(ticket.accepted.result()))
        if self._spoken is ticket:
            self._spoken = None
        if self._queue and self._worker is None and self._spoken is None:
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
            await plain.take_session_request(self, payload, ack)
        elif event == "session_request" or self.protocol:
            await protocol.serve(self, event, payload, ack)
        elif event == self.channel.options.user_message_evt:
            await plain.take_message(self, payload, ack)
        elif event in protocol.ABOUT_SESSIONS:
            await protocol.serve(self, event, payload, ack)  # of a socket that has joined nothing yet
        else:
            log.debug("ignored an event of a plain client, as Rasa does")

    def _refuse(self, error: ManentError, payload: Any, ack: int | None) -> None:
        """Say what went wrong: in the acknowledgement when one was asked for, and to plain pages as an event."""
        note(error, way="socketio", address=self.caller.address)
        answer = refusal(error)
        if ack is not None:
            self.send_queue.acknowledge(ack, answer)
        if ack is None or not self.protocol:
            told = dict(answer["error"])
            if isinstance(payload, dict) and isinstance(payload.get("message_id"), str):
                told["message_id"] = payload["message_id"]
            self.send_queue.emit("error", told)

    def _stop_joining(self) -> None:
        """A request failed: what was followed on its behalf is not, and nothing is collected for it."""
        if self._held is not None:
            self._held = None
            self.leave()

    # following ------------------------------------------------------------------------------------------------------

    def follow(self, conversation: Conversation, admission: Admission) -> None:
        """Follow this conversation, and no other; what is committed from now on is collected (see `go_on_from`)."""
        if self.conversation is not conversation:
            self.leave()
            self.conversation = conversation
            conversation.subscribers.append(self)
            self.cursor = self.joined_at = 0
            self.confirmable = False
        conversation.owner = admission.owner or conversation.owner
        self.admission = admission
        self._held = []

    def go_on_from(self, cursor: int) -> None:
        """Send what was collected after this `seq`, up to which the socket has everything, and all that comes."""
        self.cursor = cursor
        held, self._held = self._held or [], None
        self.deliver(held)

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

    def notify(self, news: News) -> None:
        """Send a piece of news of the conversation."""
        match news:
            case Committed(entries):
                self.deliver(entries)
            case Typing(on):
                self.typing(on=on)
            case Moved(payload):
                self.changed(payload)
            case Failed(error, message_id, seq):
                self.failed(error, message_id=message_id, seq=seq)

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
                sent = plain.emit_entry(self, entry) or sent
        if sent:
            plain.confirm_soon(self)

    def _emit_messages(self, entry: LogEntry) -> None:
        for message in visitor_messages.messages_of(entry):
            event = "bot_uttered" if message.pop("role") == "bot" else "user_uttered"
            self.send_queue.emit(event, message)

    def typing(self, *, on: bool) -> None:
        """Show or hide the typing indicator."""
        if self.protocol:
            self.send_queue.emit("bot_typing", {"on": on})

    def changed(self, told: Json) -> None:
        """Tell where the conversation went on; a socket that is just joining has it in its answer."""
        gone = told["reason"] == "erased" and self.channel.identity.mode == "jwt"
        taken = told["reason"] == "claimed" and self.admission is not None and self.admission.owner is None
        if self._held is None:
            self.cursor = 0
            if self.protocol:
                self.send_queue.emit("session_changed", told)
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
            self.send_queue.emit("error", told)

    # the token's end ------------------------------------------------------------------------------------------------

    def call_as(self, caller: Caller) -> None:
        """Go on with another token of the same subject."""
        self.caller = caller
        self._watch_expiry()

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
            self.send_queue.emit("token_expiring", {"expires_at": self._warned.expires_at})
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
        if self._ending is None and self.send_queue.dropped is None:
            self._queue.clear()
            self._waiting = 0
            self.send_queue.emit("session_changed", told)
            if not self.protocol:
                self.send_queue.emit(
                    "error", {"code": f"token_{told['reason']}", "message": f"the token is {told['reason']}"}
                )
            self.leave()
            closing = self.channel.server.disconnect(self.sid, namespace=self.channel.options.namespace)
            self._ending = asyncio.get_running_loop().create_task(closing)
