"""Writes concurrent appends with one statement and one commit.

PostgreSQL and asyncpg need more time for a statement than for a turn's rows. So at most `MAX_RUNNING` statements run at
the same time, and appends that arrive during a statement share the next one. A single append does not wait. If an
append cannot be part of a batch (its conversation has changed or is locked, or a message id is already used), the
caller must write the append separately and receives its error.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import asyncpg

from manent.core.conversation_log import Append
from manent.stores.codec import entry_to_row
from manent.stores.head_row import head_values, owner_of
from manent.stores.postgresql import sql
from manent.stores.postgresql.connection import Connection
from manent.stores.postgresql.pool import Pool

MAX_RUNNING: Final = 3
"""Statements at once. A higher limit makes batches smaller, and a lower limit delays appends if the network is slow."""

MAX_BATCH: Final = 32

_UNKNOWN_OUTCOME: Final = ("08", "57")
"""Classes of SQLSTATE after which it is unknown whether the batch was written."""


class AppendBatches:
    """Collects appends to different conversations and writes them. Only one event loop may use it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: deque[tuple[Append, asyncio.Future[bool]]] = deque()
        self._is_scheduled = False
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    async def write(self, append: Append) -> bool:
        """Write an append without snapshot and reminders to an existing conversation.

        Returns:
            False if the append was not written and must be written separately.

        Raises:
            StoreError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the database failed. It is
                unknown whether the append was written.
        """
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append((append, future))
        if not self._is_scheduled and self._count < MAX_RUNNING:
            self._is_scheduled = True
            # wait, so that all appends from this iteration of the event loop share a batch
            self._loop.call_soon(self._start)
        return await future

    async def close(self) -> None:
        """Wait for the running statements."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        self._is_scheduled = False
        if self._waiting:
            self._count += 1
            task = self._loop.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            if len(batch) == 1:
                _settle(batch[0][1], result=False)
            else:
                await self._write_together(batch)
        self._count -= 1  # before the next callback of the event loop can add work

    async def _write_together(self, batch: list[tuple[Append, asyncio.Future[bool]]]) -> None:
        try:
            async with self._pool.statement() as connection:
                written = await append_many(connection, [append for append, _ in batch])
        except Exception as error:  # noqa: BLE001  # the error is raised in every caller
            rejected = _is_rejected(error)
            for _, future in batch:
                if rejected:
                    _settle(future, result=False)
                else:
                    _fail(future, error)
        else:
            for number, (_, future) in enumerate(batch):
                _settle(future, result=number in written)


async def append_many(connection: Connection, appends: Sequence[Append]) -> set[int]:
    """Write appends to different conversations. Return the indexes of the written appends."""
    heads = [
        (*head_values(one.head), one.expected_version, owner_of(one.expected_lease), number)
        for number, one in enumerate(appends)
    ]
    events = [(*entry_to_row(entry), number) for number, one in enumerate(appends) for entry in one.entries]
    accepted = [(one.message_id, one.seq, one.digest, n) for n, append in enumerate(appends) for one in append.accepted]
    found = await connection.fetch(
        sql.APPEND_MANY,
        *([row[column] for row in heads] for column in range(18)),
        *([row[column] for row in events] for column in range(5)),
        [row[5].decode() for row in events],
        [row[6] for row in events],
        *([row[column] for row in accepted] for column in range(4)),
    )
    return {row[0] for row in found}


def _is_rejected(error: Exception) -> bool:
    """Return whether an error guarantees that no part of the batch was written."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] not in _UNKNOWN_OUTCOME
    return isinstance(error, (UnicodeError, OverflowError))


def _settle(future: asyncio.Future[bool], *, result: bool) -> None:
    if not future.done():  # the caller was cancelled
        future.set_result(result)


def _fail(future: asyncio.Future[bool], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
