"""Protocol 1 on a socket: each request is an event with an acknowledgement, served by `runtime/protocol1.py`.

`server/api/sessions.py` serves the same requests over HTTP.
"""

from collections.abc import Sequence
from typing import Final

from manent.channels.socketio.connection import Connection
from manent.channels.socketio.dialect import OtherNews, Request, error_of, names_protocol
from manent.channels.socketio.options import CHANNEL
from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import AgentTyping, Failed, HandlerChanged, Moved, Typing
from manent.runtime.conversation.ticket import Receipt, Ticket
from manent.runtime.identity.admission import Admission
from manent.runtime.protocol1 import Joined, handler_of, notify_changed, refusal

WITHOUT_SESSION: Final = ("history_request", "session_reset", "session_erase", "session_list", "token_refresh",
                          "rate")  # fmt: skip
"""Requests that do not need an earlier `session_request`, because they contain the session id or need no session.

A tuple, because an event name from a client can have any type, and a lookup of a list in a set raises an error.
"""

_EVENTS: Final = {"bot": "bot_uttered", "user": "user_uttered", "agent": "agent_uttered"}
"""Role of a message → the event that carries it."""


class Protocol1:
    """The dialect of clients that use protocol 1. The connection contains the cursor."""

    __slots__ = ("_accepts", "_connection")

    protocol = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._accepts: Sequence[str] = ()  # what the client's last session_request said that it understands

    def claims(self, request: Request) -> bool:
        """Return whether only clients of protocol 1 send this request. A `session_request` must name a protocol."""
        if request.event == "session_request":
            return names_protocol(request.payload)
        return request.event in WITHOUT_SESSION and request.event != self._connection.options.user_message_evt

    def is_settled(self) -> bool:
        """Return True, because clients send the `seq` of their newest entry when they connect again."""
        return True

    def left(self) -> None:
        """Do nothing, because this dialect has no state of a conversation."""

    # requests -------------------------------------------------------------------------------------------------------

    async def serve(self, request: Request) -> None:
        """Serve a request and send the response.

        Raises:
            RequestError: `unknown_request`, `bad_request`, or an error from `Sessions`.
        """
        payload = request.payload
        if not isinstance(payload, dict):
            raise RequestError("bad_request", f"a request must be an object; found {type(payload).__name__}")
        connection = self._connection
        if self._accepts and request.event != "session_request":
            payload = {"accepts": self._accepts, **payload}
        sessions, caller, member = connection.sessions, connection.caller, connection.admission
        match request.event:
            case "session_request":
                joined = await sessions.join(payload, self._follow, caller, member)
                self._accepts = payload.get("accepts", ())
                self._joined(joined, request)
            case "user_uttered":
                ticket = await sessions.submit(payload, input_channel=CHANNEL, caller=caller, member=member)
                self.accepted(request, await ticket.accepted)
            case "history_request":
                self._answer(request, await sessions.history(payload, caller, member))
            case "session_reset":
                old, joined = await sessions.reset(payload, self._follow, caller, member)
                self._joined(joined, request)
                self._notify_others(old, "reset", joined)
            case "session_erase":
                old, joined = await sessions.erase(payload, self._follow, caller, member)
                self._joined(joined, request)
                self._notify_others(old, "erased", joined)
            case "session_list":
                self._answer(request, await sessions.mine(caller))
            case "rate":
                self._answer(request, await sessions.rate(payload, caller, member))
            case "user_typing":
                self._answer(request, await sessions.user_typing(payload, caller, member))
            case "token_refresh":
                fresh, answer = await sessions.refresh(payload, caller)
                connection.call_as(fresh)
                self._answer(request, answer)
            case _:
                raise RequestError("unknown_request", f"unknown request {str(request.event)[:64]!r}")

    def speak(self, request: Request) -> Ticket | None:
        """Submit a message without waiting.

        Raises:
            RequestError: an error from `Sessions.submit_as`.
        """
        connection, payload = self._connection, request.payload
        member = connection.admission
        if request.event != "user_uttered" or member is None or not isinstance(payload, dict):
            return None
        if payload.get("session_id") != member.sender_id or payload.get("attachments"):
            return None
        return connection.sessions.submit_as(member, payload, input_channel=CHANNEL, caller=connection.caller)

    def accepted(self, request: Request, receipt: Receipt) -> None:
        """Confirm a message that `speak` submitted and that is stored now."""
        self._answer(request, {"ok": True, "seq": receipt.seq, "duplicate": receipt.duplicate})

    def refuse(self, error: ManentError, request: Request) -> None:
        """Send the error in the acknowledgement, or as an `error` event if the client requested no acknowledgement."""
        answer = refusal(error)
        if request.ack is not None:
            self._answer(request, answer)
        else:
            self._connection.send_queue.emit("error", error_of(answer, request.payload))

    def _answer(self, request: Request, answer: Json) -> None:
        self._connection.send_queue.acknowledge(request.ack, answer)

    def _follow(self, conversation: Conversation, admission: Admission) -> None:
        self._connection.follow(conversation, admission, self)

    def _joined(self, joined: Joined, request: Request) -> None:
        """Send the response. Then send the entries that were committed while the response was read from the store."""
        self._answer(request, joined.answer)
        self._connection.continue_from(joined.version)

    def _notify_others(self, old: Admission, reason: str, joined: Joined) -> None:
        notify_changed(self._connection.sessions.conversations.get(old.sender_id), reason, joined, but=self._connection)

    # events ---------------------------------------------------------------------------------------------------------

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Send the messages of the visitor, the bot and operators among committed entries."""
        names_operators = "agent" in self._accepts
        for entry in entries:
            for message in self._connection.sessions.messages_of(entry, names_operators=names_operators):
                self._connection.send_queue.emit(_EVENTS[message.pop("role")], message)

    def notify(self, news: OtherNews) -> None:
        """Send changes of the conversation other than new log entries."""
        emit = self._connection.send_queue.emit
        match news:
            case Typing(on):
                emit("bot_typing", {"on": on})
            case HandlerChanged(handling, asks_rating) if "agent" in self._accepts:
                emit("handler_changed", handler_of(handling) | ({"rate": True} if asks_rating else {}))
            case AgentTyping(on) if "agent" in self._accepts:
                emit("agent_typing", {"on": on})
            case Moved(payload):
                emit("session_changed", payload)
            case Failed(error, message_id, seq):
                shown = dict(refusal(error)["error"])
                if message_id is not None:
                    shown["message_id"] = message_id
                if seq is not None:
                    shown["seq"] = seq
                emit("error", shown)

    def ended(self, reason: str) -> None:
        """Send the reason why the server closes the connection."""
        self._connection.send_queue.emit("session_changed", {"reason": reason})
