"""Plain Rasa clients on a socket: the requests that they send, to the key what they are sent, and what they received.

Called by `socketio/connection.py`. Plain clients acknowledge nothing, but every Engine.IO client answers a ping, in
order: a pong that answers a ping sent after a reply proves that the reply arrived. The regular ping comes every 25 s
only; until then a reload would repeat the reply, so we ask a moment after it.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from manent.channels.socketio.heartbeat import ping
from manent.core.conversation_log import LogEntry, Page
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.runtime import visitor_messages
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import Admission
from manent.runtime.user_messages import checked_message_id, user_message

if TYPE_CHECKING:
    from manent.channels.socketio.connection import Connection

PING_AFTER_S = 1.0
"""How long after a reply a plain socket is asked whether it is still there."""

DRAIN_S = 0.02
"""Pause in a long replay while a socket takes what it was sent."""


async def take_session_request(connection: "Connection", payload: Any, ack: int | None) -> None:
    """Confirm a session, then send the bot's messages that no plain socket is known to have received.

    Raises:
        RequestError: `bad_request`, or an identity error.
    """
    if payload is not None and not isinstance(payload, dict):
        raise RequestError("bad_request", f"session_request takes an object; found {type(payload).__name__}")
    channel, send_queue = connection.channel, connection.send_queue
    session_id = payload.get("session_id") if payload else None
    token = payload.get("session_token") if payload else None
    admission = await channel.identity.admit(session_id, token, connection.caller)
    connection.protocol = 0
    if not channel.options.session_persistence:
        send_queue.emit("session_confirm", admission.sender_id)
        send_queue.acknowledge(ack)
        return
    conversation = channel.conversations.get(admission.sender_id)
    already = connection.joined_at if conversation is connection.conversation else None
    connection.follow(conversation, admission)
    cursor, until, missed = connection.cursor, 0, None
    if admission.is_new:
        conversation.record.assume_empty(None)
    elif (head := await channel.conversations.engine.store.head(admission.sender_id)) is not None:
        await conversation.catch_up(head.epoch, head.version)
        until = head.version if already is None else already
        cursor = max(cursor, until)
        missed = await _page_after(connection, conversation, head.plain_seq, until)
    # Both in one go: what the visitor says once there is a session is not to look answered by something older.
    send_queue.emit("session_confirm", channel.identity.confirmation(admission))
    await _replay(connection, conversation, missed, until)
    connection.confirmable = True
    connection.go_on_from(cursor)
    send_queue.acknowledge(ack)


async def _page_after(connection: "Connection", conversation: Conversation, after: int, until: int) -> Page | None:
    """Read what comes after this `seq`; None when there is nothing up to `until`."""
    if after >= until:
        return None
    page_size = connection.channel.conversations.engine.limits.page
    page = await connection.channel.conversations.engine.store.after(conversation.sender_id, after, limit=page_size)
    return page if page is not None and page.entries else None


async def _replay(connection: "Connection", conversation: Conversation, page: Page | None, until: int) -> None:
    """Send the bot events of this page and of those that follow it."""
    page_size = connection.channel.conversations.engine.limits.page
    while page is not None:
        for entry in page.entries:
            if entry.seq <= until:
                emit_entry(connection, entry)
        if not page.has_more:
            return
        while len(connection.send_queue) > page_size and not connection.socket.closed:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(DRAIN_S)
        page = await _page_after(connection, conversation, page.entries[-1].seq, until)


def speak_at_once(connection: "Connection", event: Any, payload: Any, ack: int | None) -> Ticket | None:
    """Put a member's message in its mailbox; None when something is to be waited for (see `take_message`).

    Raises:
        RequestError: as `take_message`.
    """
    if ack is not None or event != connection.channel.options.user_message_evt or not isinstance(payload, dict):
        return None
    said = _said(connection, payload)
    admission = _admit_member(connection, payload)
    conversation = connection.conversation
    if admission is None or conversation is None or conversation.sender_id != admission.sender_id:
        return None
    return _submit(connection, said, admission)


async def take_message(connection: "Connection", payload: Any, ack: int | None) -> None:
    """Take what the visitor said; Rasa acknowledges it when the turn is over.

    Raises:
        RequestError: `bad_request`, `bad_session_id`, `too_long`, `busy`, …, or an identity error.
    """
    options = connection.channel.options
    if not isinstance(payload, dict):
        raise RequestError("bad_request", f"{options.user_message_evt} takes an object; found {type(payload).__name__}")
    said = _said(connection, payload)
    admission = _admit_member(connection, payload) or await _admit(connection, payload)
    conversation = connection.channel.conversations.get(admission.sender_id)
    if conversation is not connection.conversation:
        await _join_by_speaking(connection, conversation, admission)
    ticket = _submit(connection, said, admission)
    await ticket.accepted
    if ack is not None:
        await ticket.finished
        connection.send_queue.acknowledge(ack)


def _said(connection: "Connection", payload: Json) -> tuple[str, Any, str | None]:
    """Return the text, the metadata and the message id that a payload has."""
    text = payload.get("message", "")
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise RequestError("bad_request", f"message must be a string; found {type(text).__name__}")
    metadata = payload.get(connection.channel.options.metadata_key)
    if isinstance(metadata, str):
        metadata = _json_object(metadata)
    return text, metadata, checked_message_id(payload.get("message_id"))


def _submit(connection: "Connection", said: tuple[str, Any, str | None], admission: Admission) -> Ticket:
    channel, caller = connection.channel, connection.caller
    conversations = channel.conversations
    text, metadata, message_id = said
    conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
    message = user_message(
        admission.sender_id,
        text,
        limits=conversations.engine.limits,
        message_id=message_id,
        input_channel=channel.name,
        output_channel=channel.name,
        metadata=metadata,
    )
    confirm = partial(channel.identity.confirm, admission, beginner=caller)
    return conversations.get(admission.sender_id).submit(message, confirm=confirm)


def _admit_member(connection: "Connection", payload: Json) -> Admission | None:
    """Admit a sender who sends what it was confirmed, which costs no look into the store; None: see `_admit`."""
    identity, member = connection.channel.identity, connection.admission
    if connection.channel.options.session_persistence:
        session_id = payload.get("session_id")
        if member is not None and session_id in (member.sender_id, identity.confirmation(member)):
            return member
        return None
    if identity.mode == "jwt" and connection.caller.subject is not None:
        return None
    return Admission(sender_id=connection.sid)


async def _admit(connection: "Connection", payload: Json) -> Admission:
    identity = connection.channel.identity
    if not connection.channel.options.session_persistence:
        return await identity.admit(connection.sid, None, connection.caller)
    session_id = payload.get("session_id")
    if session_id is None:
        raise RequestError("bad_session_id", "session_id is missing: this server keeps sessions")
    return await identity.admit(session_id, payload.get("session_token"), connection.caller)


async def _join_by_speaking(connection: "Connection", conversation: Conversation, admission: Admission) -> None:
    """Follow a conversation because of a message in it: what is committed from now on is for this socket, too.

    socket.io-client sends what was typed during an outage before it runs the page's `connect` handler, so that the
    message may come before `session_request` (which then sends what had been missed up to here).
    """
    connection.follow(conversation, admission)
    head = await connection.channel.conversations.engine.store.head(conversation.sender_id)
    if head is not None:
        await conversation.catch_up(head.epoch, head.version)
    connection.joined_at = head.version if head is not None else 0
    connection.go_on_from(connection.joined_at)


def emit_entry(connection: "Connection", entry: LogEntry) -> bool:
    """Send what the bot said; False when it is not the bot who spoke."""
    if not isinstance(entry.event, BotUttered):
        return False
    for part in visitor_messages.bot_parts(entry.event):
        connection.send_queue.emit(connection.channel.options.bot_message_evt, visitor_messages.plain_payload(part))
    return True


def confirm_soon(connection: "Connection") -> None:
    """Ask the socket, a moment after a reply, whether it is still there; its pong confirms the reply."""
    if connection.confirmable and not connection.pings and connection.channel.options.session_persistence:
        connection.pings = -1  # asked, not yet sent
        asyncio.get_running_loop().call_later(PING_AFTER_S, _ping, connection)


def _ping(connection: "Connection") -> None:
    conversation, socket = connection.conversation, connection.socket
    if not socket.closed and conversation is not None:
        connection.pings = 2 if socket.last_ping else 1  # a regular ping that is on its way is answered first
        socket.watch_pong = partial(_take_pong, connection, conversation, connection.cursor)
        ping(socket)


def _take_pong(connection: "Connection", conversation: Conversation, seq: int) -> bool:
    """Take a pong; True when it was the one that answers our ping, and so confirms everything up to `seq`."""
    connection.pings -= 1
    if connection.pings > 0:
        return False
    connection.pings = 0
    conversation.confirm_plain(seq)
    if connection.conversation is conversation and connection.cursor > seq:
        confirm_soon(connection)  # more was sent meanwhile
    return True


def _json_object(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"metadata is not JSON: {error}") from error
