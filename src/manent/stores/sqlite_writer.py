"""The one thread that writes to a SQLite store: it drains a queue, commits once, and tells everybody who waited.

`sqlite.py` hands in work and futures. A batch is one `BEGIN IMMEDIATE … COMMIT`. Appends to known conversations are
written together with a handful of statements whatever their number (`sqlite_rows.py` says why); when one of them
meets another version, a used message id or anything else that does not fit, the batch is taken back and done
again one by one, so that each fails alone. Checkpoints are made beside the commits (`sqlite_checkpointer.py`).
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from manent.core.errors import InternalError, ManentError, StoreError
from manent.runtime.ports import DuplicateMessage, VersionConflict
from manent.stores.head_row import lease_values
from manent.stores.sqlite_appends import AppendWork, BulkFailed, append_to_new, append_together, find_accepted
from manent.stores.sqlite_checkpointer import Checkpointer
from manent.stores.sqlite_errors import store_error
from manent.stores.sqlite_reminders import check_reminders
from manent.stores.sqlite_schema import BUSY_TIMEOUT_S, connect

BATCH_LIMIT: Final = 256
"""A commit that has so many pieces of work takes no more; bounds how long the first of them waits for the last."""

TRUNCATE_WAIT_MS: Final = 200
"""How long emptying the write-ahead log may wait for readers, while it holds up writers."""

EMPTY_LOG_WAIT_S: Final = 5.0
"""How long the checkpointer waits for the writer to empty the log."""

TRUNCATE_TRIES: Final = 10
"""How often emptying the log is tried after an erase while readers are in the way."""

_KNOWN_LIMIT: Final = 100_000


Work = AppendWork | Callable[[sqlite3.Cursor], Any]
"""What the writer does: an append, or a function that runs inside the transaction and returns the answer."""


class _Between:
    """Work of another kind: something to be done between two commits, outside of a transaction."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.answer: Any = None
        self.done = threading.Event()


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    work: Work | _Between
    future: asyncio.Future[Any] | None


class Writer:
    """Owns the writing connection and its thread.

    Args:
        observe: told of each commit: pieces of work in it, seconds from its start to its end.
    """

    def __init__(self, path: Path, *, durability: str, observe: Callable[[int, float], None] | None = None) -> None:
        self._path = path
        self._durability = durability
        self._observe = observe
        self._gathered: list[_Waiting | None] = []
        self._queue: queue.SimpleQueue[list[_Waiting | None]] = queue.SimpleQueue()
        self._known: dict[str, int] = {}
        self._connection: sqlite3.Connection | None = None
        self._opened = 0
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._checkpointer = Checkpointer(path, durability=durability, empty_log=self._ask_for_empty_log)
        self._thread = threading.Thread(target=self._run, name="manent-store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work | _Between) -> asyncio.Future[Any]:
        """Queue work; the future holds its answer once it is durable.

        What the event loop does in one round is handed over together: with 32 conversations at once a commit then
        takes some 30 appends instead of 3, and the two threads wrest the interpreter from each other ten times less
        often (a tenth of a turn's CPU, measured).

        Raises:
            StoreError: `store_closed`.
        """
        if self._closing:
            raise StoreError("store_closed", "the store has been closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Waiting(work, future))
        return future

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    async def close(self) -> None:
        """Finish the queue, then let the connection go."""
        if not self._closing:
            self._closing = True
            self._gathered.append(None)
            self._hand_over()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpointer.close)

    async def scrub(self) -> bool:
        """Bring everything into the database file and empty the write-ahead log, so that erased bytes are gone.

        Returns:
            Whether that succeeded; False when a reader (a backup, say) was in the way all the time.
        """
        await asyncio.to_thread(self._checkpointer.copy)
        for _ in range(TRUNCATE_TRIES):
            if await self.submit(_Between(self._empty_log)):
                return True
            await asyncio.sleep(TRUNCATE_WAIT_MS / 1000)
        return False

    async def count_foreign_commits(self) -> tuple[int, int]:
        """Return something that is another one after each commit of another process."""
        count: tuple[int, int] = await self.submit(_Between(self._count_foreign_commits))
        return count

    def _ask_for_empty_log(self) -> bool:
        """Have the log emptied and wait for it: another checkpoint at the same time would be in its way."""
        work = _Between(self._empty_log)
        self._queue.put([_Waiting(work, None)])
        return work.done.wait(EMPTY_LOG_WAIT_S) and work.answer is True

    def _run(self) -> None:
        open_for_work = True
        while open_for_work:
            batch = self._queue.get()
            with contextlib.suppress(queue.Empty):
                while len(batch) < BATCH_LIMIT and batch[-1] is not None:
                    batch += self._queue.get_nowait()
            open_for_work = batch[-1] is not None
            works = [item for item in batch if item is not None and not isinstance(item.work, _Between)]
            if works:
                self._serve(works)
            for item in batch:
                if item is not None and isinstance(item.work, _Between):
                    item.work.answer = item.work.do()
                    item.work.done.set()
                    self._settle([item], [item.work.answer])
        self._empty_log()  # the file can then be copied on its own
        self._let_go()

    def _serve(self, batch: list[_Waiting]) -> None:
        """Do a batch and resolve its futures, whatever happens."""
        started = time.perf_counter()
        try:
            answers = self._commit([item.work for item in batch if not isinstance(item.work, _Between)])
        except sqlite3.Error as error:
            answers = [store_error(error)] * len(batch)
            self._let_go()
        except Exception as error:  # noqa: BLE001 - handed to everybody who waits; the thread must live on
            answers = [error] * len(batch)
            self._let_go()
        if self._observe is not None:
            self._observe(len(batch), time.perf_counter() - started)
        self._settle(batch, answers)
        self._checkpointer.note_commits(len(batch))

    def _settle(self, batch: list[_Waiting], answers: list[Any]) -> None:
        futures = [item.future for item in batch]
        with contextlib.suppress(RuntimeError):  # the event loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, futures, answers)

    def _empty_log(self) -> bool:
        """Copy what is left of the log and truncate it; False when readers stay in the way."""
        try:
            connection = self._connected()
            connection.execute(f"PRAGMA busy_timeout = {TRUNCATE_WAIT_MS}")
            (blocked, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
        except sqlite3.Error:
            self._let_go()
            return False
        return not blocked

    def _count_foreign_commits(self) -> Any:
        """SQLite counts for each connection what others have committed; the writer's own commits don't count."""
        try:
            (count,) = self._connected().execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            self._let_go()
            return store_error(error)
        return self._opened, count

    def _let_go(self) -> None:
        """Drop the connection after an error of unknown extent; the next batch opens another."""
        self._known.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, durability=self._durability)
            self._opened += 1
        return self._connection

    def _commit(self, works: list[Work]) -> list[Any]:
        cursor = self._connected().cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            answers = self._in_bulk(cursor, works)
            cursor.execute("COMMIT")
        except (BulkFailed, *_OWN_FAULT):
            cursor.execute("ROLLBACK")
            self._known.clear()
        else:
            return answers
        cursor.execute("BEGIN IMMEDIATE")
        answers = [self._apart(cursor, work) for work in works]
        cursor.execute("COMMIT")
        return answers

    def _in_bulk(self, cursor: sqlite3.Cursor, works: list[Work]) -> list[Any]:
        """Do the work in order, runs of appends to different known conversations together."""
        answers: list[Any] = [None] * len(works)
        run: dict[str, AppendWork] = {}
        for index, work in enumerate(works):
            sender_id = work.append.head.sender_id if isinstance(work, AppendWork) else None
            if not isinstance(work, AppendWork) or sender_id not in self._known or sender_id in run:
                self._append_known(cursor, run.values())
                run.clear()
            if not isinstance(work, AppendWork) or sender_id not in self._known:
                answers[index] = self._apart(cursor, work)
            else:
                run[work.append.head.sender_id] = work
        self._append_known(cursor, run.values())
        return answers

    def _append_known(self, cursor: sqlite3.Cursor, works: Iterable[AppendWork]) -> None:
        append_together(cursor, [(self._known[work.append.head.sender_id], work) for work in works])

    def _apart(self, cursor: sqlite3.Cursor, work: Work) -> Any:
        """Do one piece of work so that its failure takes back nothing else; return its answer or its error."""
        cursor.execute("SAVEPOINT apart")
        try:
            answer: Any = None
            if isinstance(work, AppendWork):
                self._append_alone(cursor, work)
            else:
                answer = work(cursor)
        except (ManentError, *_OWN_FAULT) as error:
            cursor.execute("ROLLBACK TO apart")
            answer = error if isinstance(error, ManentError) else store_error(error)
        cursor.execute("RELEASE apart")
        return answer

    def _append_alone(self, cursor: sqlite3.Cursor, work: AppendWork) -> None:
        append = work.append
        sender_id = append.head.sender_id
        ids = [one.message_id for one in append.accepted]
        if len(set(ids)) < len(ids):
            raise InternalError("bad_append", "one append accepts one message id twice")
        self._known.pop(sender_id, None)
        found = cursor.execute(
            "SELECT id, epoch, version, lease_owner, lease_until FROM conversations WHERE sender_id = ?", (sender_id,)
        )
        row = found.fetchone()
        if row is None:
            if append.expected_version != 0:
                raise VersionConflict(sender_id)
            conversation_id = append_to_new(cursor, work)
        else:
            conversation_id, *place = row
            if place != [append.head.epoch, append.expected_version, *lease_values(append.expected_lease)]:
                raise VersionConflict(sender_id)
            for message_id in ids:
                before = find_accepted(cursor, sender_id, message_id)
                if before is not None:
                    raise DuplicateMessage(before)
            check_reminders(cursor, conversation_id, sender_id, append.reminders)
            append_together(cursor, [(conversation_id, work)])
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        self._known[sender_id] = conversation_id


_OWN_FAULT: Final = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    UnicodeError,
    OverflowError,
)
"""Errors that blame the values of one piece of work, not the file or the disk."""


def _resolve(futures: list[asyncio.Future[Any] | None], answers: list[Any]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future is None or future.done():  # nobody waited, or has been cancelled
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
