"""How often one address or one visitor may ask: token buckets with bounded memory.

Channels and sessions ask it before they do work for somebody; it knows nobody but by a key. Which limits hold is
configured (`limits:` in `endpoints.yml`, `server/edge/limits.py`).
"""

import ipaddress
import time
from collections.abc import Callable

from manent.core.errors import RequestError

MOST_KEYS = 50_000
"""Buckets that are remembered; beyond, the fuller half of them is forgotten."""

MINUTE_S = 60.0
TOLERANCE_S = 1e-6
"""Of sums of many small floats."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that one subscriber has to himself."""


class Buckets:
    """One bucket a key: `per_minute` may be done in any minute, all of it at once; 0 is no limit.

    Of each key only the time is kept at which all that it has taken will have flowed back (the generic cell rate
    algorithm, ITU-T I.371): as good as a count and a time, at half the price.
    """

    __slots__ = ("_each_s", "_full_at", "_now")

    def __init__(self, per_minute: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._each_s = MINUTE_S / per_minute if per_minute else 0.0
        self._full_at: dict[str, float] = {}
        self._now = now

    def take(self, key: str) -> None:
        """Take one from the bucket.

        Raises:
            RequestError: `too_many_requests`, with the time after which there is one again.
        """
        if not self._each_s:
            return
        now = self._now()
        full_at = self._full_at.get(key, now)
        full_at = max(now, full_at) + self._each_s
        if full_at - now > MINUTE_S + TOLERANCE_S:
            wait_s = full_at - now - MINUTE_S
            raise RequestError(
                "too_many_requests", "that is too often; come back later", status=429, retry_after=wait_s
            )
        self._full_at[key] = full_at
        if len(self._full_at) > MOST_KEYS:
            emptiest = sorted(self._full_at.items(), key=lambda item: item[1])[len(self._full_at) // 2 :]
            self._full_at = dict(emptiest)


class Rates:
    """The buckets of one server process, each 0 (no limit) unless given.

    Args:
        connects: of sockets, per address and minute.
        connects_per_subject: of sockets, per subject of a token and minute.
        sessions: new conversations, per address and minute.
        sessions_per_subject: new conversations, per subject and minute.
        messages: per address and minute.
        messages_per_sender: per conversation (or subject) and minute.
    """

    def __init__(
        self,
        *,
        connects: float = 0,
        connects_per_subject: float = 0,
        sessions: float = 0,
        sessions_per_subject: float = 0,
        messages: float = 0,
        messages_per_sender: float = 0,
    ) -> None:
        self._connects = Buckets(connects)
        self._connects_per_subject = Buckets(connects_per_subject)
        self._sessions = Buckets(sessions)
        self._sessions_per_subject = Buckets(sessions_per_subject)
        self._messages = Buckets(messages)
        self._messages_per_sender = Buckets(messages_per_sender)

    def connect(self, address: str) -> None:
        """Somebody opens a socket.

        Raises:
            RequestError: `too_many_requests`.
        """
        self._connects.take(address)

    def connect_as(self, subject: str | None) -> None:
        """Whoever opens a socket has proved who they are.

        Raises:
            RequestError: `too_many_requests`.
        """
        if subject is not None:
            self._connects_per_subject.take(subject)

    def begin(self, address: str, subject: str | None = None) -> None:
        """Somebody begins a conversation.

        Raises:
            RequestError: `too_many_requests`.
        """
        if subject is not None:
            self._sessions_per_subject.take(subject)
        self._sessions.take(address)

    def speak(self, address: str, sender: str) -> None:
        """Somebody sends a message.

        Raises:
            RequestError: `too_many_requests`.
        """
        self._messages.take(address)
        self._messages_per_sender.take(sender)


def address_of(host: str | None) -> str:
    """Return the key of a client's address: IPv4 as it is, of IPv6 the part that one subscriber has to himself."""
    if host is None or ":" not in host:
        return host or ""
    try:
        return str(ipaddress.ip_network((host.partition("%")[0], IPV6_PREFIX), strict=False))
    except ValueError:
        return host
