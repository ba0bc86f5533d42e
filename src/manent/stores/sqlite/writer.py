"""A SQLite store's writer, which commits work in batches and resolves the futures of its callers.

`sqlite/store.py` submits work and receives futures. Only one commit runs at a time. Work that arrives during a commit
is part of the next one. A thread commits (`sqlite/commits.py`). Under load, the writer starts a process that commits
appends (`sqlite/process.py`), and the thread commits all other work. If the process fails, the thread commits
everything. Checkpoints run concurrently with the commits (`sqlite/checkpointer.py`).
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from manent.core.errors import StoreError
from manent.stores.sqlite.appends import AppendWork
from manent.stores.sqlite.checkpointer import Checkpointer
from manent.stores.sqlite.commits import TRUNCATE_WAIT_MS, Commits, Work
from manent.stores.sqlite.process import WritingProcess

BATCH_LIMIT: Final = 256
"""Maximum number of pieces of work in one commit.

This limits the time that the first piece waits for the last piece.
"""

EMPTY_LOG_WAIT_S: Final = 5.0
"""Maximum seconds that the checkpointer waits for the writer to truncate the write-ahead log."""

TRUNCATE_TRIES: Final = 10
"""Maximum number of attempts to truncate the log after an erase while readers block the truncation."""

ForeignCommits = tuple[int, int, int]
"""A value that changes when another server commits.

It consists of the number of connections that the thread has opened, SQLite's `data_version` on the newest of them, and
the increase of the process's `data_version` since the process commits.
"""

log = logging.getLogger("manent.store")


class _BetweenCommits:
    """A function that the writer's thread calls between two commits, outside a transaction."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.result: Any = None
        self.done = threading.Event()

    def settle(self, result: Any) -> None:
        self.result = result
        self.done.set()


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    work: Work | _BetweenCommits
    future: asyncio.Future[Any] | None


class Writer:
    """Owns the thread, the process, and the queue of work. Only one event loop may use it.

    Args:
        path: the database file.
        durability: `disk` or `process`, as for `SqliteStore`.
        process_from: number of queued pieces of work at which the writer starts the process. None means never.
        observe: called after each commit with its number of pieces of work and its duration in seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: str,
        process_from: int | None = None,
        observe: Callable[[int, float], None] | None = None,
    ) -> None:
        self._path = path
        self._durability = durability
        self._process_from = process_from
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Waiting] = []
        self._is_scheduled = False
        self._is_busy = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._process: WritingProcess | None = None
        self._process_was_last = False
        self._started: WritingProcess | None = None
        self._counts_at_takeover = ((0, 0), 0)
        self._commits = Commits(path, durability=durability)
        self._checkpointer = Checkpointer(path, durability=durability, empty_log=self._ask_for_empty_log)
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="manent-store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work | _BetweenCommits) -> asyncio.Future[Any]:
        """Queue work and return a future.

        The future resolves with the result when the work is durable. Work on one conversation is done in the order of
        the calls. All work submitted in one iteration of the event loop is part of one batch. With 32
        concurrent conversations, a commit therefore contains about 30 appends instead of 3.

        Raises:
            StoreError: `store_closed`.
        """
        if self._closing:
            raise StoreError("store_closed", "the store is closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._gather(_Waiting(work, future))
        return future

    async def close(self) -> None:
        """Finish the queued work, then close the connections."""
        self._closing = True
        await self._idle.wait()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.gather(*self._tasks)
        for process in (self._started, self._process):
            if process is not None:
                await process.close()
        await asyncio.to_thread(self._checkpointer.close)

    async def scrub(self) -> bool:
        """Copy all pages into the database file and truncate the write-ahead log, so that erased bytes are overwritten.

        Returns:
            False if a reader, for example a backup, blocked every attempt.
        """
        await asyncio.to_thread(self._checkpointer.copy)
        for _ in range(TRUNCATE_TRIES):
            if await self.submit(_BetweenCommits(self._commits.empty_log)):
                return True
            await asyncio.sleep(TRUNCATE_WAIT_MS / 1000)
        return False

    async def count_foreign_commits(self) -> ForeignCommits:
        """Return a value that changes with each commit by another server, but not with this server's appends.

        SQLite's `data_version` changes on a connection when another connection commits. A running process commits all
        appends, so its `data_version` is used. Other commits by the thread are then reported like commits by another
        server.
        """
        if self._process is not None:
            before, begun_at = self._counts_at_takeover
            return *before, await self._process.data_version() - begun_at
        count: tuple[int, int] = await self.submit(_BetweenCommits(self._commits.count_foreign))
        return *count, 0

    def _ask_for_empty_log(self) -> bool:
        """Make the writer's thread truncate the log, and wait for the result.

        The checkpointer's thread calls this. The checkpointer must not truncate the log, because two concurrent
        checkpoints would block each other.
        """
        work = _BetweenCommits(self._commits.empty_log)
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(self._gather, _Waiting(work, None))
            return work.done.wait(EMPTY_LOG_WAIT_S) and work.result is True
        return False

    def _gather(self, waiting: _Waiting) -> None:
        if self._closing and isinstance(waiting.work, _BetweenCommits):
            waiting.work.settle(False)
            return
        self._gathered.append(waiting)
        self._idle.clear()
        if not self._is_scheduled and not self._is_busy:
            self._is_scheduled = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Pass the collected work to the process or to the thread, unless a commit is running."""
        self._is_scheduled = False
        if self._is_busy:
            return
        if not self._gathered:
            self._idle.set()
            return
        self._is_busy = True
        process, started = self._process, self._started
        if started is not None:
            self._started = None
            self._do(self._switch_to_process(started))
            return
        if process is None:
            if self._process_from is not None and len(self._gathered) >= self._process_from:
                self._process_from = None
                self._do(self._start_process())
            batch, self._gathered = self._gathered[:BATCH_LIMIT], self._gathered[BATCH_LIMIT:]
            self._queue.put(batch)
            return
        appends, others, later = _divide(self._gathered)
        self._process_was_last = bool(appends) and not (others and self._process_was_last)
        if self._process_was_last:
            self._gathered = others + later
            self._do(self._write_by_process(process, appends))
        else:
            self._gathered = appends + later
            self._queue.put(others)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_process(self) -> None:
        try:
            self._started = await WritingProcess.start(self._path, durability=self._durability)
        except OSError as error:
            log.warning("could not start the writing process; the writer thread continues to commit (%s)", error)

    async def _switch_to_process(self, process: WritingProcess) -> None:
        """Use the started process for appends from now on.

        Neither the thread nor the process writes during this call. The counts are read in this order, so that one of
        them includes any commit that another server makes between the two reads.
        """
        try:
            begun_at = await process.data_version()
            counted = await asyncio.to_thread(self._commits.count_foreign)
            if isinstance(counted, Exception):
                raise counted
            self._counts_at_takeover = (counted, begun_at)
            self._process = process
        except StoreError as error:
            log.warning("could not start the writing process; the writer thread continues to commit (%s)", error)
            self._do(process.close())
        self._finish([], [])

    async def _write_by_process(self, process: WritingProcess, batch: list[_Waiting]) -> None:
        rows = [item.work.rows for item in batch if isinstance(item.work, AppendWork)]
        try:
            written, seconds = await process.write(rows)
        except StoreError as error:
            log.exception("the writing process ended; the writer thread takes over", extra={"pid": process.pid})
            self._process = None
            self._do(process.close())
            self._finish(batch, [error] * len(batch))
            return
        except (TypeError, ValueError, OverflowError):
            written = False
        if not written:
            self._queue.put(batch)
            return
        self._note(len(batch), seconds)
        self._finish(batch, [None] * len(batch))

    def _finish(self, batch: Sequence[_Waiting], results: Sequence[Any]) -> None:
        """Set the results of a batch, and schedule the next one.

        The next batch starts two iterations of the event loop later, so that it includes work submitted by the callers
        that this batch wakes.
        """
        self._is_busy = False
        self._is_scheduled = True
        self._loop.call_soon(self._loop.call_soon, self._loop.call_soon, self._dispatch)
        for item, result in zip(batch, results, strict=True):
            if isinstance(item.work, _BetweenCommits):
                item.work.settle(result)
            future = item.future
            if future is None or future.done():  # no caller waits, or the caller was cancelled
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _note(self, count: int, seconds: float) -> None:
        if self._observe is not None:
            self._observe(count, seconds)
        self._checkpointer.note_commits(count)

    def _run(self) -> None:
        """Serve batches. Run in the writer's thread."""
        while (batch := self._queue.get()) is not None:
            results = self._serve(batch)
            with contextlib.suppress(RuntimeError):  # the event loop is closed, so no caller waits
                self._loop.call_soon_threadsafe(self._finish, batch, results)
        self._commits.empty_log()  # truncate the log, so that a copy of only the database file is complete
        self._commits.discard()

    def _serve(self, batch: Sequence[_Waiting]) -> list[Any]:
        works = [item.work for item in batch if not isinstance(item.work, _BetweenCommits)]
        done: Iterator[Any] = iter(())
        if works:
            begun = time.perf_counter()
            done = iter(self._commits.commit(works))
            self._note(len(works), time.perf_counter() - begun)
        return [item.work.do() if isinstance(item.work, _BetweenCommits) else next(done) for item in batch]


def _divide(gathered: Sequence[_Waiting]) -> tuple[list[_Waiting], list[_Waiting], list[_Waiting]]:
    """Divide work into the next commit of the process, the work of the thread, and the work for a later batch."""
    appends: list[_Waiting] = []
    others: list[_Waiting] = []
    later: list[_Waiting] = []
    senders: set[str] = set()
    for item in gathered:
        work = item.work
        if not isinstance(work, AppendWork):
            others.append(item)
        elif work.rows.sender_id in senders or len(appends) == BATCH_LIMIT:
            later.append(item)
        else:
            senders.add(work.rows.sender_id)
            (others if work.append.reminders else appends).append(item)
    return appends, others, later
