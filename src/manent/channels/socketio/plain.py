"""Plain Rasa clients: the same requests and events as Rasa's Socket.IO channel. A reload loses no messages.

Plain clients acknowledge nothing. But every Engine.IO client answers pings in order, so the pong of a ping sent after a
reply proves that the reply arrived (`plain_seq` in the log's head). The regular ping comes every 25 s only, and until
then a reload would repeat the reply. So the server pings a moment after each reply.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from manent.channels.socketio import heartbeat
from manent.channels.socketio.connection import Connection
from manent.channels.socketio.dialect import Request, error_of, names_protocol
from manent.channels.socketio.options import CHANNEL
from manent.core.conversation_log import LogEntry, Page
from manent.core.errors import ManentError, RequestError
from manent.core.events import BotUttered, Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Failed, Moved, Typing
from manent.runtime.conversation.ticket import Receipt, Ticket
from manent.runtime.identity.admission import Admission
from manent.runtime.protocol1 import refusal
from manent.runtime.user_messages import checked_message_id, user_message
from manent.runtime.visitor_messages import bot_parts, plain_payload

log = logging.getLogger("manent.socketio")

PING_AFTER_S = 1.0
"""Seconds from a reply to the ping that confirms it."""

DRAIN_S = 0.02
"""Interval at which a long replay checks whether the socket has sent its queued packets."""


class Plain:
    """The dialect of plain Rasa clients."""

    __slots__ = ("_connection", "_has_session", "_is_confirming", "_joined_at", "_timer")

    protocol = 0

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._joined_at = 0  # the log's version when a message joined the socket; 0 after a session_request
        self._has_session = False  # the page has asked for its session: replies may be confirmed
        self._is_confirming = False
        self._timer: asyncio.TimerHandle | None = None

    def claims(self, request: Request) -> bool:
        """See `Dialect`: a `session_request` that names no protocol."""
        return request.event == "session_request" and not names_protocol(request.payload)

    def left(self) -> None:
        """See `Dialect`. A ping that is already on its way still confirms its conversation's replies."""
        self._joined_at = 0
        self._has_session = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._is_confirming = False

    # requests -------------------------------------------------------------------------------------------------------

    async def serve(self, request: Request) -> None:
        """See `Dialect`. Unknown events are ignored, as in Rasa."""
        if request.event == "session_request":
            await self._confirm_session(request)
        elif request.event == self._connection.options.user_message_evt:
            await self._take_message(request)
        else:
            log.debug("ignored an unknown event of a plain client, as Rasa does")

    async def _confirm_session(self, request: Request) -> None:
        """Confirm a session, then send the bot's messages that no plain socket is known to have received.

        Raises:
            RequestError: `bad_request`, or an identity error.
        """
        connection, payload = self._connection, request.payload
        if payload is not None and not isinstance(payload, dict):
            raise RequestError("bad_request", f"session_request takes an object; found {type(payload).__name__}")
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
        # The first page of missed messages is read before the confirmation is sent, so that nothing comes between the
        # two: a message sent after the confirmation must not appear to be answered by an old reply.
        connection.send_queue.emit("session_confirm", identity.confirmation(admission))
        await self._replay(conversation, missed, until)
        self._has_session = True
        connection.continue_from(cursor)
        connection.send_queue.acknowledge(request.ack)

    async def _page_after(self, conversation: Conversation, after: int, until: int) -> Page | None:
        """Read the entries after this `seq`. Return None if the log has none up to `until`."""
        if after >= until:
            return None
        conversations = self._connection.sessions.conversations
        page = await conversations.engine.store.after(
            conversation.sender_id, after, limit=conversations.engine.limits.page
        )
        return page if page is not None and page.entries else None

    async def _replay(self, conversation: Conversation, page: Page | None, until: int) -> None:
        """Send the bot events of this page and of the pages after it."""
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
        """See `Dialect`. Rasa acknowledges when the turn is over, so a message with an acknowledgement is queued."""
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
        """See `Dialect`: plain clients get no answer here."""

    async def _take_message(self, request: Request) -> None:
        """Submit a message; acknowledge it when its turn is over, as Rasa does.

        Raises:
            RequestError: `bad_request`, `bad_session_id`, `too_long`, `busy`, …, or an identity error.
        """
        connection, payload = self._connection, request.payload
        if not isinstance(payload, dict):
            event = connection.options.user_message_evt
            raise RequestError("bad_request", f"{event} takes an object; found {type(payload).__name__}")
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
            metadata=message.metadata,
        )
        confirm = partial(sessions.identity.confirm, admission, beginner=caller)
        return conversations.get(admission.sender_id).submit(submitted, confirm=confirm)

    def _admit_member(self, payload: Json) -> Admission | None:
        """Admit a sender who names the confirmed session, without reading the store. None: call `_admit` instead."""
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
            raise RequestError("bad_session_id", "session_id is missing: this server keeps sessions")
        return await identity.admit(session_id, payload.get("session_token"), connection.caller)

    async def _join_by_message(self, conversation: Conversation, admission: Admission) -> None:
        """Follow the conversation that a message names: entries committed from now on are sent to this socket.

        After an outage socket.io-client sends buffered messages before it runs the page's `connect` handler. So a
        message may come before the `session_request`, which then sends the entries missed until now.
        """
        connection = self._connection
        connection.follow(conversation, admission, self)
        head = await connection.sessions.conversations.engine.store.head(conversation.sender_id)
        if head is not None:
            await conversation.catch_up(head.epoch, head.version)
        self._joined_at = head.version if head is not None else 0
        connection.continue_from(self._joined_at)

    def refuse(self, error: ManentError, request: Request) -> None:
        """See `Dialect`. Plain pages ignore acknowledgements, so they are sent an `error` event, too."""
        answer = refusal(error)
        self._connection.send_queue.acknowledge(request.ack, answer)
        self._connection.send_queue.emit("error", error_of(answer, request.payload))

    # events ---------------------------------------------------------------------------------------------------------

    def show(self, entries: Sequence[LogEntry]) -> None:
        """See `Dialect`: the bot's events only."""
        is_sent = [self._send(entry) for entry in entries]
        if any(is_sent):
            self._confirm_soon()

    def _send(self, entry: LogEntry) -> bool:
        """Send a bot event; return False for any other event."""
        if not isinstance(entry.event, BotUttered):
            return False
        for part in bot_parts(entry.event):
            self._connection.send_queue.emit(self._connection.options.bot_message_evt, plain_payload(part))
        return True

    def notify(self, news: Typing | Moved | Failed) -> None:
        """See `Dialect`: Rasa has no such events."""

    def ended(self, reason: str) -> None:
        """See `Dialect`."""
        self._connection.send_queue.emit("session_changed", {"reason": reason})
        self._connection.send_queue.emit("error", {"code": f"token_{reason}", "message": f"the token is {reason}"})

    # confirmation of replies ----------------------------------------------------------------------------------------

    def is_settled(self) -> bool:
        """See `Dialect`. Without a confirmation, the next server would send the replies again."""
        if self._timer is not None:
            self._timer.cancel()
            self._ping()
        return not self._is_confirming

    def _confirm_soon(self) -> None:
        """Ping the client a moment after a reply; its pong confirms the reply."""
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
    """The content of a message's payload."""

    text: str
    metadata: Any
    message_id: str | None


def _decode_metadata(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"metadata is not JSON: {error}") from error
