"""Protocol 1 on a socket: each request is an event with an acknowledgement, served by `runtime/protocol1.py`.

Called by `socketio/connection.py` for sockets that said `protocol: 1`; the same requests come over HTTP, too
(`server/api/sessions.py`).
"""

from typing import TYPE_CHECKING, Any, Final

from manent.core.errors import RequestError
from manent.core.events import Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.ticket import Receipt, Ticket
from manent.runtime.identity.admission import Admission
from manent.runtime.protocol1 import Follow, Joined, tell_changed

if TYPE_CHECKING:
    from manent.channels.socketio.connection import Connection

ABOUT_SESSIONS: Final = frozenset(
    ("history_request", "session_reset", "session_erase", "session_list", "token_refresh")
)
"""Requests that need no `session_request` before them: they name their session, or none."""


async def serve(connection: "Connection", event: Any, payload: Any, ack: int | None) -> None:
    """Serve one request.

    Raises:
        RequestError: see `Sessions`; `unknown_request`, `bad_request`.
    """
    if not isinstance(payload, dict):
        raise RequestError("bad_request", f"a request is an object; found {type(payload).__name__}")
    sessions, caller, member = connection.channel.sessions, connection.caller, connection.admission
    send_queue = connection.send_queue
    match event:
        case "session_request":
            _joined(connection, await sessions.join(payload, _follow(connection), caller, member), ack)
        case "user_uttered":
            name = connection.channel.name
            ticket = await sessions.submit(payload, input_channel=name, caller=caller, member=member)
            send_queue.acknowledge(ack, receipt(await ticket.accepted))
        case "history_request":
            send_queue.acknowledge(ack, await sessions.history(payload, caller, member))
        case "session_reset":
            await _reset(connection, payload, ack)
        case "session_erase":
            await _erase(connection, payload, ack)
        case "session_list":
            send_queue.acknowledge(ack, await sessions.mine(caller))
        case "token_refresh":
            fresh, answer = await sessions.refresh(payload, caller)
            connection.call_as(fresh)
            send_queue.acknowledge(ack, answer)
        case _:
            raise RequestError("unknown_request", f"there is no request {str(event)[:64]!r}")


def speak_at_once(connection: "Connection", event: Any, payload: Any, ack: int | None) -> Ticket | None:
    """Put a member's message in its mailbox; None when something is to be waited for, or it is none.

    Raises:
        RequestError: see `Sessions.submit_as`.
    """
    del ack
    member = connection.admission
    if event != "user_uttered" or member is None or not isinstance(payload, dict):
        return None
    if payload.get("session_id") != member.sender_id:
        return None
    channel = connection.channel
    return channel.sessions.submit_as(member, payload, input_channel=channel.name, caller=connection.caller)


def receipt(accepted: Receipt) -> Json:
    """Return the answer to a message that was accepted."""
    return {"ok": True, "seq": accepted.seq, "duplicate": accepted.duplicate}


def _follow(connection: "Connection") -> Follow:
    def follow(conversation: Conversation, admission: Admission) -> None:
        connection.protocol = 1
        connection.follow(conversation, admission)

    return follow


def _joined(connection: "Connection", joined: Joined, ack: int | None) -> None:
    """Answer, then send what was committed while the answer was read."""
    connection.send_queue.acknowledge(ack, joined.answer)
    connection.go_on_from(joined.version)


async def _reset(connection: "Connection", payload: Json, ack: int | None) -> None:
    sessions = connection.channel.sessions
    old, joined = await sessions.reset(payload, _follow(connection), connection.caller, connection.admission)
    _joined(connection, joined, ack)
    tell_changed(connection.channel.conversations.get(old.sender_id), "reset", joined, but=connection)


async def _erase(connection: "Connection", payload: Json, ack: int | None) -> None:
    sessions = connection.channel.sessions
    old, joined = await sessions.erase(payload, _follow(connection), connection.caller, connection.admission)
    _joined(connection, joined, ack)
    tell_changed(connection.channel.conversations.get(old.sender_id), "erased", joined, but=connection)
