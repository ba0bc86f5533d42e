"""Implements rate limits per address and per visitor as token buckets with bounded memory.

Channels and session requests check them before they process a request. The limits are configured by `limits:` in
`endpoints.yml` (`server/edge/limits.py`). `background/rate_sharing.py` adds up the tokens that all servers of one store
have given out.
"""

import heapq
import ipaddress
import math
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from manent.core.errors import RequestError

MAX_KEYS = 50_000
"""Maximum number of buckets in memory. Above this number, the less-used half is dropped."""

MAX_UNSHARED = 2_000
"""Maximum number of keys per kind whose tokens wait to be reported. Above it, tokens of further keys are not shared."""

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

    Args:
        per_minute: tokens that each key can take.
        is_shared: whether `unshared` records the tokens taken.
        now: returns the time in seconds. The clock never goes back.

    Attributes:
        unshared: by key, the seconds in which the tokens taken since the last report fill up again.
    """

    __slots__ = ("_each_s", "_full_at", "_is_shared", "_now", "unshared")

    def __init__(
        self, per_minute: float, *, is_shared: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.unshared: dict[str, float] = {}
        self._is_shared = is_shared
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
        if self._is_shared and (key in self.unshared or len(self.unshared) < MAX_UNSHARED):
            self.unshared[key] = self.unshared.get(key, 0.0) + self._each_s
        if len(self._full_at) > MAX_KEYS:
            emptiest = sorted(self._full_at.items(), key=lambda item: item[1])[len(self._full_at) // 2 :]
            self._full_at = dict(emptiest)

    def delay(self, key: str, full_at: float) -> None:
        """Delay the time at which a bucket is full, because other servers have given out its tokens.

        Args:
            key: key of the bucket.
            full_at: time at which the tokens that all servers have reported are filled up.
        """
        full_at += self.unshared.get(key, 0.0)
        self._full_at[key] = max(full_at, self._full_at.get(key, full_at))


class Spent(NamedTuple):
    """The tokens that one key has taken since the last report, as the seconds in which they fill up again."""

    kind: str
    key: str
    seconds: float


class Rates:
    """The rate limits of one server process. Each limit is 0 (no limit) by default.

    Args:
        connects: sockets that one address can open per minute.
        connects_per_subject: sockets that one token subject can open per minute.
        sessions: new conversations per address and minute.
        sessions_per_subject: new conversations per token subject and minute.
        messages: messages per address and minute.
        messages_per_sender: messages per conversation (or token subject) and minute.
        shared: names of the limits that all servers of one store share.
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
        shared: Collection[str] = (),
    ) -> None:
        self._shared: dict[str, Buckets] = {}

        def buckets(kind: str, per_minute: float) -> Buckets:
            made = Buckets(per_minute, is_shared=kind in shared)
            if kind in shared:
                self._shared[kind] = made
            return made

        self._connects = buckets("connects", connects)
        self._connects_per_subject = buckets("connects_per_subject", connects_per_subject)
        self._sessions = buckets("sessions", sessions)
        self._sessions_per_subject = buckets("sessions_per_subject", sessions_per_subject)
        self._messages = buckets("messages", messages)
        self._messages_per_sender = buckets("messages_per_sender", messages_per_sender)

    @property
    def are_shared(self) -> bool:
        """Whether the servers of one store share a limit."""
        return bool(self._shared)

    def take_unshared(self, limit: int) -> list[Spent]:
        """Return and forget the tokens to report: of up to `limit` keys, those with the most seconds first."""
        every = [
            Spent(kind, key, seconds)
            for kind, buckets in self._shared.items()
            for key, seconds in buckets.unshared.items()
        ]
        found = heapq.nlargest(limit, every, key=lambda one: one.seconds)
        for one in found:
            del self._shared[one.kind].unshared[one.key]
        return found

    def delay(self, kind: str, key: str, full_at: float) -> None:
        """See `Buckets.delay`."""
        self._shared[kind].delay(key, full_at)

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
