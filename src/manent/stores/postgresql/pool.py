"""A pool of connections to PostgreSQL for one server process.

asyncpg's pool resets each returned connection, which costs a round trip and four statements per turn. This pool does
not reset connections, because the store changes no session state outside a transaction. A connection is used again only
after a statement that succeeded or that PostgreSQL itself rejected. After a cancellation or any other error, the
connection is closed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from manent.core.errors import ManentError, StoreError
from manent.runtime.metrics import Metrics
from manent.stores.postgresql.connection import CLOSE_TIMEOUT_S, Connection

MAX_IDLE_S: Final = 300.0
"""Seconds after which an unused connection is closed."""

_READ_ONLY: Final = "25006"
_CONNECTION_CLASSES: Final = ("08", "57")
"""SQLSTATE classes of errors after which a connection is closed: connection exceptions and operator intervention."""

_CANCELLED: Final = "57014"
"""The statement timed out. The connection is sound."""


@dataclass(slots=True, eq=False)
class _Pooled:
    """A connection of the pool.

    Attributes:
        opened_at: when the connection was opened, by the event loop's clock.
        answered_at: when it was last returned after a successful statement, by the event loop's clock.
    """

    connection: Connection
    opened_at: float
    answered_at: float


class Pool:
    """Up to `size` connections. Connections are opened when needed.

    Args:
        connect: opens a connection.
        size: maximum number of connections.
        wait_s: maximum seconds to wait for a connection while all are in use.
        settings: `SET LOCAL` statements that begin each transaction. "" if the session already has the settings. With
            settings, `statement` also runs a transaction, because a pooler can change the server process between
            transactions.
        metrics: counts the connections in use, and the waits for one.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        size: int,
        wait_s: float,
        settings: str = "",
        metrics: Metrics | None = None,
    ) -> None:
        self._connect = connect
        self._wait_s = wait_s
        self._size = size
        self._settings = settings
        self._begin = f"BEGIN; {settings}" if settings else "BEGIN"
        self._free = asyncio.Semaphore(size)
        self._idle: list[_Pooled] = []
        self._lent: set[_Pooled] = set()
        self._dropped_at = 0
        self._loop = asyncio.get_running_loop()
        self._metrics = metrics or Metrics()
        self._metrics.pool_size += size

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """Lend a connection for statements that need no common transaction.

        Raises:
            StoreError: `store_busy`: all connections remained in use.
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the database or the network failed.
        """
        if self._settings:
            async with self.transaction() as connection:
                yield connection
            return
        async with self._lend() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction, which commits at the end of the block. Raises as `statement`."""
        async with self._lend() as connection:
            await connection.execute(self._begin)
            try:
                yield connection
            except (ManentError, asyncpg.PostgresError, UnicodeError, OverflowError):
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    def drop_all(self) -> None:
        """Close idle connections now, and connections in use when they are returned."""
        self._dropped_at += 1
        while self._idle:
            self._idle.pop().connection.terminate()

    def end_silence(self, since: float) -> None:
        """Close the connections from before this time of the event loop, also those in use, unless one has answered.

        Nothing arrives over them any more, so their statements would wait until their timeouts. Connections that were
        opened later do not show whether the earlier ones still work. Answers in the first half of the time since then
        do not count, because the network can have failed shortly after this time.
        """
        earlier = [one for one in (*self._idle, *self._lent) if one.opened_at < since]
        middle = (since + self._loop.time()) / 2
        if all(one.answered_at < middle for one in earlier):
            for one in earlier:
                one.connection.terminate()

    async def close(self) -> None:
        """Close the connections. No connection may be in use."""
        for one in self._idle:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await one.connection.close(timeout=CLOSE_TIMEOUT_S)
        self._idle.clear()

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        await self._wait_until_free()
        self._metrics.pool_used += 1
        try:
            number = self._dropped_at
            pooled = self._take() or await self._open()
            is_sound = False
            self._lent.add(pooled)
            try:
                yield pooled.connection
                is_sound = True
            except (ManentError, asyncpg.PostgresError, UnicodeError, OverflowError) as error:
                is_sound = self._is_sound_after(error)
                raise
            except (OSError, TimeoutError):
                self.drop_all()
                raise
            finally:
                self._lent.discard(pooled)
                if is_sound and number == self._dropped_at and not pooled.connection.is_closed():
                    self._put_back(pooled)
                else:
                    pooled.connection.terminate()
        finally:
            self._metrics.pool_used -= 1
            self._free.release()

    async def _wait_until_free(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        started = self._loop.time()
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
            self._metrics.pool_waits.observe(self._loop.time() - started)
        except TimeoutError as error:
            raise StoreError(
                "store_busy",
                f"all {self._size} connections to the database were in use for {self._wait_s:g} s: find out why its "
                "statements are slow, or increase pool_size under tracker_store in endpoints.yml",
            ) from error

    def _take(self) -> _Pooled | None:
        while self._idle:
            pooled = self._idle.pop()
            if not pooled.connection.is_closed():
                return pooled
        return None

    async def _open(self) -> _Pooled:
        now = self._loop.time()
        try:
            return _Pooled(await self._connect(), opened_at=now, answered_at=now)
        except (OSError, TimeoutError):
            self.drop_all()
            raise

    def _put_back(self, pooled: _Pooled) -> None:
        pooled.answered_at = now = self._loop.time()
        self._idle.append(pooled)
        if now - self._idle[0].answered_at > MAX_IDLE_S:
            self._idle.pop(0).connection.terminate()

    def _is_sound_after(self, error: Exception) -> bool:
        """Return whether a connection can be used again. Drop all connections if their sessions are read-only.

        A database that became a standby, or that an administrator made read-only, keeps its old sessions open. A new
        connection can reach the new primary.
        """
        state = getattr(error, "sqlstate", None) or ""
        if state == _READ_ONLY:
            self.drop_all()
        return state == _CANCELLED or state[:2] not in _CONNECTION_CLASSES
