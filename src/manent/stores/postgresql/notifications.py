"""Notifies other servers that use the same PostgreSQL database of changed conversations, with LISTEN and NOTIFY.

Notifications are sent after the commit, in separate transactions on a separate connection. A NOTIFY inside an append
would serialize all commits of the database. A notification is lost if its server crashes between the two transactions,
or if the connection is down. So receivers must also check the store from time to time.

This connection never waits for a lock, so it also detects a network that no longer delivers anything although the
kernel's probes are answered, for example by a proxy.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.stores.postgresql.connection import connect
from manent.stores.postgresql.errors import translated
from manent.stores.postgresql.options import PostgresqlOptions

GATHER_S: Final = 0.01
"""Seconds for which notifications are collected before they are sent.

This limits them to 100 transactions per second.
"""

CHECK_INTERVAL_S: Final = 1.0
"""Seconds without notifications after which an empty statement checks the network."""

MAX_RECONNECT_S: Final = 1.0
"""Longest pause in seconds before the next connection.

During the pause, the servers compare conversations with the store.
"""


_MAX_PAYLOAD: Final = 7_000
"""Maximum total size in bytes of the conversation ids in one notification.

PostgreSQL's limit is 8000 bytes per notification.
"""


class ServerNotifications:
    """Sends notifications to other servers and receives their notifications, until it is closed.

    Args:
        dsn: the database.
        channel: PostgreSQL channel for the notifications.
        options: timeouts.
        on_silence: called if PostgreSQL does not answer within `network_timeout`, with the value of the event loop's
            clock at which the server began to wait.
        metrics: counts failed connections.
    """

    def __init__(
        self,
        dsn: str,
        channel: str,
        options: PostgresqlOptions,
        *,
        on_silence: Callable[[float], None],
        metrics: Metrics | None = None,
    ) -> None:
        self._dsn = dsn
        self._options = options
        self._channel = channel
        self._on_silence = on_silence
        self._outgoing: set[str] = set()
        self._incoming: set[str] = set()
        self._may_have_missed = True
        self._reported_all_at = float("-inf")
        self._own_pid = 0
        self._has_outgoing = asyncio.Event()
        self._has_incoming = asyncio.Event()
        self._loop = Loop("notifications", self._exchange, metrics=metrics or Metrics(), max_retry_s=MAX_RECONNECT_S)
        self._loop.open()

    def notify(self, sender_id: str = "") -> None:
        """Notify the other servers that a commit changed a conversation.

        The id "" means that any conversation may have changed.
        """
        self._outgoing.add(sender_id)
        self._has_outgoing.set()

    async def wait(self, *, within_s: float) -> frozenset[str] | None:
        """Wait until another process writes to the store, at most `within_s` seconds.

        Also return None if the last None is `within_s` seconds ago, because notifications can be lost.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._has_incoming.wait()
        self._has_incoming.clear()
        received, self._incoming = frozenset(self._incoming), set()
        missed, self._may_have_missed = self._may_have_missed, False
        now = time.monotonic()
        if received and not missed and "" not in received and now - self._reported_all_at < within_s:
            return received
        self._reported_all_at = now
        return None

    async def close(self) -> None:
        """Send the remaining notifications, then stop."""
        for _ in range(50):
            if not self._outgoing:
                break
            await asyncio.sleep(GATHER_S)
        await self._loop.close()

    async def _exchange(self) -> float:
        """Listen and notify on one connection until it ends. Return the pause before the next connection in seconds.

        Raises:
            StoreError: the connection failed.
        """
        try:
            with translated():
                await self._exchange_on_one_connection()
        finally:
            self._may_have_missed = True
        return MAX_RECONNECT_S

    async def _exchange_on_one_connection(self) -> None:
        settings = {"application_name": "manent news", "synchronous_commit": "off"}
        connection = await connect(self._dsn, self._options, settings=settings)
        try:
            self._own_pid = connection.get_server_pid()
            await connection.add_listener(self._channel, self._receive)
            connection.add_termination_listener(lambda _: self._has_outgoing.set())
            self._loop.succeeded()
            self._has_incoming.set()  # notifications were possibly lost before this connection listened
            while not connection.is_closed():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_INTERVAL_S):
                        await self._has_outgoing.wait()
                self._has_outgoing.clear()
                outgoing, self._outgoing = self._outgoing, set()
                started = asyncio.get_running_loop().time()
                try:
                    await connection.execute(
                        "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                        self._channel,
                        list(_payloads(outgoing)),
                        timeout=self._options.network_timeout,
                    )
                except BaseException as error:
                    self._outgoing |= outgoing  # the next connection sends them
                    self._has_outgoing.set()
                    if isinstance(error, TimeoutError):
                        self._on_silence(started)
                    raise
                await asyncio.sleep(GATHER_S)
        finally:
            connection.terminate()

    def _receive(self, _: Any, pid: int, channel: str, payload: object) -> None:
        del channel
        if pid != self._own_pid:
            self._incoming.update(msgspec.json.decode(str(payload), type=list[str]))
            self._has_incoming.set()


def _payloads(sender_ids: Iterable[str]) -> Iterator[str]:
    """Yield JSON arrays of at most `_MAX_PAYLOAD` bytes."""
    part: list[str] = []
    size = 0
    for sender_id in sender_ids:
        length = len(msgspec.json.encode(sender_id)) + 1
        if part and size + length > _MAX_PAYLOAD:
            yield msgspec.json.encode(part).decode()
            part, size = [], 0
        part.append(sender_id)
        size += length
    if part:
        yield msgspec.json.encode(part).decode()
