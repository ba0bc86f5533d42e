"""Implements rate limits per address and per visitor as token buckets with bounded memory.

Channels and session requests check them before they process a request. The limits are configured by `limits:` in
`endpoints.yml` (`server/edge/limits.py`).
"""

import ipaddress
import math
import time
from collections.abc import Callable

from manent.core.errors import RequestError

MAX_KEYS = 50_000
"""Maximum number of buckets in memory. Above this number, the less-used half is dropped."""

MINUTE_S = 60.0
TOLERANCE_S = 1e-6
"""Tolerance for the rounding error of sums of many small floats."""

IPV6_PREFIX = 64
"""Length in bits of the IPv6 prefix that identifies one subscriber of an internet provider."""


class Buckets:
    """One bucket per key.

    Each key can take `per_minute` tokens per minute, all at once if needed. A rate of 0 means no limit.

    Each bucket is one number: the time at which it is full again (generic cell rate algorithm, ITU-T I.371). One number
    needs half the memory of a count and a time.
    """

    __slots__ = ("_each_s", "_full_at", "_now")

    def __init__(self, per_minute: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._each_s = MINUTE_S / per_minute if per_minute else 0.0
        self._full_at: dict[str, float] = {}
        self._now = now

    def take(self, key: str) -> None:
        """Take one token from the bucket of this key.

        Raises:
            RequestError: `too_many_requests`, with the seconds until a token is available.
        """
        if not self._each_s:
            return
        now = self._now()
        full_at = self._full_at.get(key, now)
        full_at = max(now, full_at) + self._each_s
        if full_at - now > MINUTE_S + TOLERANCE_S:
            wait_s = full_at - now - MINUTE_S
            raise RequestError(
                "too_many_requests",
                f"too many requests: try again in {math.ceil(wait_s)} s",
                status=429,
                retry_after=wait_s,
            )
        self._full_at[key] = full_at
        if len(self._full_at) > MAX_KEYS:
            emptiest = sorted(self._full_at.items(), key=lambda item: item[1])[len(self._full_at) // 2 :]
            self._full_at = dict(emptiest)


class Rates:
    """The rate limits of one server process. Each limit is 0 (no limit) by default.

    Args:
        connects: sockets that one address can open per minute.
        connects_per_subject: sockets that one token subject can open per minute.
        sessions: new conversations per address and minute.
        sessions_per_subject: new conversations per token subject and minute.
        messages: messages per address and minute.
        messages_per_sender: messages per conversation (or token subject) and minute.
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
        """Count a socket that an address opens.

        Raises:
            RequestError: `too_many_requests`.
        """
        self._connects.take(address)

    def connect_as(self, subject: str | None) -> None:
        """Count a socket that a token subject opens.

        Raises:
            RequestError: `too_many_requests`.
        """
        if subject is not None:
            self._connects_per_subject.take(subject)

    def begin(self, address: str, subject: str | None = None) -> None:
        """Count a new conversation.

        Raises:
            RequestError: `too_many_requests`.
        """
        if subject is not None:
            self._sessions_per_subject.take(subject)
        self._sessions.take(address)

    def speak(self, address: str, sender: str) -> None:
        """Count a message.

        Raises:
            RequestError: `too_many_requests`.
        """
        self._messages.take(address)
        self._messages_per_sender.take(sender)

    def speak_as(self, sender: str) -> None:
        """Count a message from a messenger platform for its conversation, but not for the platform's address.

        Raises:
            RequestError: `too_many_requests`.
        """
        self._messages_per_sender.take(sender)


def address_of(host: str | None) -> str:
    """Return the key for a client's address: the IPv4 address, or the network of the IPv6 subscriber."""
    if host is None or ":" not in host:
        return host or ""
    try:
        return str(ipaddress.ip_network((host.partition("%")[0], IPV6_PREFIX), strict=False))
    except ValueError:
        return host
