"""The dialect of plain Rasa clients: the requests and events of Rasa's Socket.IO channel.

After a reload of the page, the server sends the replies that the page did not receive. Plain clients do not acknowledge
replies. But every Engine.IO client processes packets in order, so the pong of a ping that was sent after a reply proves
that the reply arrived. `plain_seq` in the log's head stores the newest confirmed reply. Regular pings are sent only
every 25 s, and a reload before the next ping would repeat the reply. Therefore the server sends an additional ping
shortly after each reply.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from manent.channels.socketio import heartbeat
from manent.channels.socketio.connection import Connection
from manent.channels.socketio.dialect import OtherNews, Request, error_of, names_protocol
from manent.channels.socketio.options import CHANNEL
from manent.core.conversation_log import LogEntry, Page
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.ticket import Receipt, Ticket
from manent.runtime.identity.admission import Admission
from manent.runtime.protocol1 import refusal
from manent.runtime.user_messages import checked_message_id, user_message
from manent.runtime.visitor_messages import bot_parts, plain_payload, spoken

log = logging.getLogger("manent.socketio")

PING_AFTER_S = 1.0
"""Number of seconds between a reply and the ping that confirms it."""

DRAIN_S = 0.02
"""While the server sends many missed messages, it checks at this interval whether the queued packets are sent."""


class Plain:
    """The dialect of plain Rasa clients."""

    __slots__ = ("_connection", "_has_session", "_is_confirming", "_joined_at", "_timer")

    protocol = 0

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._joined_at = 0  # log version at which a message made the socket join; 0 after a session_request
        self._has_session = False  # after a session_request, replies can be confirmed
        self._is_confirming = False
        self._timer: asyncio.TimerHandle | None = None

    def claims(self, request: Request) -> bool:
        """Return whether the request is a `session_request` without a protocol version."""
        return request.event == "session_request" and not names_protocol(request.payload)

    def left(self) -> None:
        """Discard the state of the conversation.

        A pending ping still confirms the replies of that conversation.
        """
        self._joined_at = 0
        self._has_session = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._is_confirming = False

    # requests -------------------------------------------------------------------------------------------------------

    async def serve(self, request: Request) -> None:
        """Serve a request. Ignore unknown events, as Rasa does."""
        if request.event == "session_request":
            await self._confirm_session(request)
        elif request.event == self._connection.options.user_message_evt:
            await self._take_message(request)
        else:
            log.debug("ignored an unknown event of a plain client, as Rasa does")

    async def _confirm_session(self, request: Request) -> None:
        """Confirm a session. Then send the bot messages whose receipt no plain client has confirmed.

        Raises:
            RequestError: `bad_request`, or an identity error.
        """
        connection, payload = self._connection, request.payload
        if payload is not None and not isinstance(payload, dict):
            raise RequestError(
                "bad_request", f"the payload of session_request must be an object; found {type(payload).__name__}"
            )
        identity, conversations = connection.sessions.identity, connection.sessions.conversations
        session_id = payload.get("session_id") if payload else None
        token = payload.get("session_token") if payload else None
        admission = await identity.admit(session_id, token, connection.caller)
        connection.dialect = self
        if not connection.options.session_persistence:
            connection.send_queue.emit("session_confirm", admission.sender_id)
            connection.send_queue.acknowledge(request.ack)
            return
        conversation = conversations.get(admission.sender_id)
        joined_at = self._joined_at if conversation is connection.conversation else None
        connection.follow(conversation, admission, self)
        cursor, until, missed = connection.cursor, 0, None
        if admission.is_new:
            conversation.record.assume_empty(None)
        elif (head := await conversations.engine.store.head(admission.sender_id)) is not None:
            await conversation.catch_up(head.epoch, head.version)
            until = head.version if joined_at is None else joined_at
            cursor = max(cursor, until)
            missed = await self._page_after(conversation, head.plain_seq, until)
        # The first page of missed messages is read before the confirmation is sent, so that both are sent together. If
        # they were not, an old reply could seem to answer a message that the client sends after the confirmation.
        connection.send_queue.emit("session_confirm", identity.confirmation(admission))
        await self._replay(conversation, missed, until)
        self._has_session = True
        connection.continue_from(cursor)
        connection.send_queue.acknowledge(request.ack)

    async def _page_after(self, conversation: Conversation, after: int, until: int) -> Page | None:
        """Read the entries after this `seq`. Return None if the log contains none up to `until`."""
        if after >= until:
            return None
        conversations = self._connection.sessions.conversations
        page = await conversations.engine.store.after(
            conversation.sender_id, after, limit=conversations.engine.limits.page
        )
        return page if page is not None and page.entries else None

    async def _replay(self, conversation: Conversation, page: Page | None, until: int) -> None:
        """Send the bot events of this page and of the following pages."""
        send_queue, page_size = self._connection.send_queue, self._connection.sessions.conversations.engine.limits.page
        while page is not None:
            for entry in page.entries:
                if entry.seq <= until:
                    self._send(entry)
            if not page.has_more:
                return
            while len(send_queue) > page_size and not send_queue.is_closed:  # noqa: ASYNC110  # the queue has no event
                await asyncio.sleep(DRAIN_S)
            page = await self._page_after(conversation, page.entries[-1].seq, until)

    def speak(self, request: Request) -> Ticket | None:
        """Submit a message without waiting.

        Return None for a message that requests an acknowledgement, because Rasa acknowledges it only when the turn is
        over.
        """
        connection, payload = self._connection, request.payload
        if request.ack is not None or request.event != connection.options.user_message_evt:
            return None
        if not isinstance(payload, dict):
            return None
        message = self._read(payload)
        admission = self._admit_member(payload)
        conversation = connection.conversation
        if admission is None or conversation is None or conversation.sender_id != admission.sender_id:
            return None
        return self._submit(message, admission)

    def accepted(self, request: Request, receipt: Receipt) -> None:
        """Do nothing, because plain clients receive no confirmation of a message."""

    async def _take_message(self, request: Request) -> None:
        """Submit a message. Acknowledge it when its turn is over, as Rasa does.

        Raises:
            RequestError: the request is malformed, its conversation cannot accept it, or its sender may not use the
                conversation.
        """
        connection, payload = self._connection, request.payload
        if not isinstance(payload, dict):
            event = connection.options.user_message_evt
            raise RequestError(
                "bad_request", f"the payload of {event} must be an object; found {type(payload).__name__}"
            )
        message = self._read(payload)
        admission = self._admit_member(payload) or await self._admit(payload)
        conversation = connection.sessions.conversations.get(admission.sender_id)
        if conversation is not connection.conversation:
            await self._join_by_message(conversation, admission)
        ticket = self._submit(message, admission)
        await ticket.accepted
        if request.ack is not None:
            await ticket.finished
            connection.send_queue.acknowledge(request.ack)

    def _read(self, payload: Json) -> "_Message":
        text = payload.get("message", "")
        if text is None:
            text = ""
        if not isinstance(text, str):
            raise RequestError("bad_request", f"message must be a string; found {type(text).__name__}")
        metadata = payload.get(self._connection.options.metadata_key)
        if isinstance(metadata, str):
            metadata = _decode_metadata(metadata)
        return _Message(text, metadata, checked_message_id(payload.get("message_id")))

    def _submit(self, message: "_Message", admission: Admission) -> Ticket:
        sessions, caller = self._connection.sessions, self._connection.caller
        conversations = sessions.conversations
        conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        submitted = user_message(
            admission.sender_id,
            message.text,
            limits=conversations.engine.limits,
            message_id=message.message_id,
            input_channel=CHANNEL,
            output_channel=CHANNEL,
            metadata=conversations.engine.metadata_of_client(message.metadata),
        )
        confirm = partial(sessions.identity.confirm, admission, beginner=caller)
        return conversations.get(admission.sender_id).submit(submitted, confirm=confirm)

    def _admit_member(self, payload: Json) -> Admission | None:
        """Admit a sender who names the confirmed session, without reading the store.

        Return None if `_admit` must be called instead.
        """
        connection = self._connection
        identity, member = connection.sessions.identity, connection.admission
        if connection.options.session_persistence:
            session_id = payload.get("session_id")
            if member is not None and session_id in (member.sender_id, identity.confirmation(member)):
                return member
            return None
        if identity.mode == "jwt" and connection.caller.subject is not None:
            return None
        return Admission(sender_id=connection.sid)

    async def _admit(self, payload: Json) -> Admission:
        connection = self._connection
        identity = connection.sessions.identity
        if not connection.options.session_persistence:
            return await identity.admit(connection.sid, None, connection.caller)
        session_id = payload.get("session_id")
        if session_id is None:
            raise RequestError(
                "bad_session_id", "session_id is missing; with session persistence, every message must contain it"
            )
        return await identity.admit(session_id, payload.get("session_token"), connection.caller)

    async def _join_by_message(self, conversation: Conversation, admission: Admission) -> None:
        """Follow the conversation of a message, and send entries that are committed from now on.

        After an outage, socket.io-client sends buffered messages before it runs the page's `connect` handler. Therefore
        a message can arrive before the `session_request`. The server sends earlier, missed entries when that request
        arrives.
        """
        connection = self._connection
        connection.follow(conversation, admission, self)
        head = await connection.sessions.conversations.engine.store.head(conversation.sender_id)
        if head is not None:
            await conversation.catch_up(head.epoch, head.version)
        self._joined_at = head.version if head is not None else 0
        connection.continue_from(self._joined_at)

    def refuse(self, error: ManentError, request: Request) -> None:
        """Send the error for a request. Plain pages ignore acknowledgements, so they also receive an `error` event."""
        answer = refusal(error)
        self._connection.send_queue.acknowledge(request.ack, answer)
        self._connection.send_queue.emit("error", error_of(answer, request.payload))

    # events ---------------------------------------------------------------------------------------------------------

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Send the bot events among committed entries."""
        is_sent = [self._send(entry) for entry in entries]
        if any(is_sent):
            self._confirm_soon()

    def _send(self, entry: LogEntry) -> bool:
        """Send what the bot or an operator said. Return False for any other event."""
        said = spoken(entry.event)
        if said is None:
            return False
        for part in bot_parts(said, plain=True):
            self._connection.send_queue.emit(self._connection.options.bot_message_evt, plain_payload(part))
        return True

    def notify(self, news: OtherNews) -> None:
        """Do nothing, because Rasa's channel has no such events."""

    def ended(self, reason: str) -> None:
        """Send the reason why the server closes the connection."""
        self._connection.send_queue.emit("session_changed", {"reason": reason})
        self._connection.send_queue.emit("error", {"code": f"token_{reason}", "message": f"the token is {reason}"})

    # confirmation of replies ----------------------------------------------------------------------------------------

    def is_settled(self) -> bool:
        """See `Dialect.is_settled`. The next server sends unconfirmed replies again."""
        if self._timer is not None:
            self._timer.cancel()
            self._ping()
        return not self._is_confirming

    def _confirm_soon(self) -> None:
        """Ping the client shortly after a reply. The pong confirms the reply."""
        if self._has_session and not self._is_confirming:
            self._is_confirming = True
            self._timer = asyncio.get_running_loop().call_later(PING_AFTER_S, self._ping)

    def _ping(self) -> None:
        self._timer = None
        connection = self._connection
        if connection.send_queue.is_closed or connection.conversation is None:
            self._is_confirming = False
            return
        confirm = partial(self._confirm, connection.conversation, connection.cursor)
        heartbeat.ask(connection.send_queue.socket, confirm)

    def _confirm(self, conversation: Conversation, seq: int) -> None:
        """Record that the client has received everything up to `seq`."""
        self._is_confirming = False
        conversation.confirm_plain(seq)
        if self._connection.conversation is conversation and self._connection.cursor > seq:
            self._confirm_soon()  # more was sent in the meantime


class _Message(NamedTuple):
    """The decoded payload of a visitor's message."""

    text: str
    metadata: Any
    message_id: str | None


def _decode_metadata(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"metadata is not JSON: {error}") from error
