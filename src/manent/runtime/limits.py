"""Limits that prevent one client from using all resources of the server.

`limits:` in `endpoints.yml` configures them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers that the server enforces. A rate of 0 means no limit.

    Attributes:
        waiting_per_conversation: number of messages that may wait in one mailbox. More messages are rejected with
            `busy`.
        text: number of characters of one message.
        page: number of visible events in one response.
        cached_trackers: number of trackers that are kept in memory for conversations without a running turn (about 50
            kB each).
        waiting_per_socket: number of requests of one socket that may wait.
        outgoing_per_socket: number of packets that may wait for one socket. The server closes the socket if there are
            more.
        connects_per_minute: sockets that one address may open.
        connects_per_minute_per_subject: sockets that one authenticated visitor may open.
        sessions_per_minute: conversations that one address may start.
        sessions_per_minute_per_subject: conversations that one authenticated visitor may start.
        messages_per_minute: messages that one address may send.
        messages_per_minute_per_sender: messages in one conversation, or by one authenticated visitor.
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
