"""Defines limits that prevent one client from using all resources of the server.

`limits:` in `endpoints.yml` configures them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits that the server enforces. A rate of 0 means no limit.

    Attributes:
        waiting_per_conversation: number of messages that can wait in one mailbox. Further messages are rejected with
            `busy`.
        text: number of characters of one message.
        page: number of visible events in one response.
        cached_trackers: number of trackers that are kept in memory for conversations without a running turn (about 50
            kB each).
        waiting_per_socket: number of waiting requests per socket.
        outgoing_per_socket: number of waiting packets per socket. If the limit is exceeded, the server closes the
            socket.
        connects_per_minute: sockets that one address can open.
        connects_per_minute_per_subject: sockets that one authenticated visitor can open.
        sessions_per_minute: conversations that one address can start.
        sessions_per_minute_per_subject: conversations that one authenticated visitor can start.
        messages_per_minute: messages that one address can send.
        messages_per_minute_per_sender: messages that one conversation or one authenticated visitor can send.
    """

    waiting_per_conversation: int = 64
    text: int = 64_000
    page: int = 200
    cached_trackers: int = 1_000
    waiting_per_socket: int = 256
    outgoing_per_socket: int = 10_000
    connects_per_minute: int = 60_000
    connects_per_minute_per_subject: int = 60_000
    sessions_per_minute: int = 60_000
    sessions_per_minute_per_subject: int = 60_000
    messages_per_minute: int = 600_000
    messages_per_minute_per_sender: int = 60_000
