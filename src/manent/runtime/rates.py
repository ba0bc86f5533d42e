"""How often one address or one visitor may ask: token buckets with bounded memory.

Channels and sessions ask it before they do work for somebody; it knows nobody but by a key. Which limits hold is
configured (`limits:` in `endpoints.yml`, `server/limits.py`).
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from manent.core.errors import RequestError

MOST_KEYS = 50_000
"""Buckets that are remembered; beyond, those that rested longest are forgotten, and they had filled up most."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that one subscriber has to himself."""


class Buckets:
    """One bucket a key: `per_minute` may be done in any minute, all of it at once; 0 is no limit."""

    __slots__ = ("_full", "_now", "_per_s", "_spent")

    def __init__(self, per_minute: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._full = float(per_minute)
        self._per_s = per_minute / 60.0
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._now = now

    def take(self, key: str) -> None:
        """Take one from the bucket.

        Raises:
            RequestError: `too_many_requests`, with the time after which there is one again.
        """
        if not self._full:
            return
        now = self._now()
        spent, then = self._spent.get(key, (0.0, now))
        spent = max(0.0, spent - (now - then) * self._per_s)
        if spent + 1.0 > self._full:
            wait_s = (spent + 1.0 - self._full) / self._per_s
            raise RequestError(
                "too_many_requests", "that is too often; come back later", status=429, retry_after=wait_s
            )
        self._spent[key] = (spent + 1.0, now)
        self._spent.move_to_end(key)
        if len(self._spent) > MOST_KEYS:
            self._spent.popitem(last=False)


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
