"""The writer of a SQLite store: collects work, commits it in batches, and sets the results of the waiting futures.

`sqlite/store.py` submits work and gets futures. Work that arrives during a commit goes into the next one; only one
commit runs at a time. A thread makes the commits (`sqlite/commits.py`). Under load the writer starts a process that
commits appends (`sqlite/process.py`); the thread commits the rest, and everything if the process fails. Checkpoints
run beside the commits (`sqlite/checkpointer.py`).
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
"""Maximum number of pieces of work in one commit; limits how long the first waits for the last."""

EMPTY_LOG_WAIT_S: Final = 5.0
"""How long the checkpointer waits for the writer to empty the log."""

TRUNCATE_TRIES: Final = 10
"""How often emptying the log is tried after an erase while readers are in the way."""

Foreign = tuple[int, int, int]
"""What tells of others' commits: connections of the thread so far, SQLite's `data_version` on the newest of them, and
how much that of the process has grown since it took over."""

log = logging.getLogger("manent.store")


class _Between:
    """Work of another kind: something to be done between two commits, outside of a transaction."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.answer: Any = None
        self.done = threading.Event()

    def settle(self, answer: Any) -> None:
        self.answer = answer
        self.done.set()


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    work: Work | _Between
    future: asyncio.Future[Any] | None


class Writer:
    """Owns the thread, the process, and the queue of work. Used by one event loop.

    Args:
        process_from: how many pieces of work at once it takes for a process to be started; None: it never is.
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
        self._due = False
        self._at_work = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._process: WritingProcess | None = None
        self._process_was_last = False
        self._started: WritingProcess | None = None
        self._took_over = ((0, 0), 0)
        self._commits = Commits(path, durability=durability)
        self._checkpointer = Checkpointer(path, durability=durability, empty_log=self._ask_for_empty_log)
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="manent-store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work | _Between) -> asyncio.Future[Any]:
        """Queue work; the future holds its answer once it is durable. Work of one conversation is submitted in turn.

        What the event loop does in one round is handed over together: with 32 conversations at once a commit then
        takes some 30 appends instead of 3.

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
        """Bring everything into the database file and empty the write-ahead log, so that erased bytes are gone.

        Returns:
            Whether that succeeded; False when a reader, for example a backup, blocked it all the time.
        """
        await asyncio.to_thread(self._checkpointer.copy)
        for _ in range(TRUNCATE_TRIES):
            if await self.submit(_Between(self._commits.empty_log)):
                return True
            await asyncio.sleep(TRUNCATE_WAIT_MS / 1000)
        return False

    async def count_foreign_commits(self) -> Foreign:
        """Return something that is another one after each commit of another server, and stays the same after appends.

        SQLite counts for each connection what others have committed. The process makes all appends once it is there, so
        its count is taken then; what the thread still does counts as foreign.
        """
        if self._process is not None:
            before, begun_at = self._took_over
            return *before, await self._process.data_version() - begun_at
        count: tuple[int, int] = await self.submit(_Between(self._commits.count_foreign))
        return *count, 0

    def _ask_for_empty_log(self) -> bool:
        """Have the log emptied and wait for it, as the checkpointer: two checkpoints would be in each other's way."""
        work = _Between(self._commits.empty_log)
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(self._gather, _Waiting(work, None))
            return work.done.wait(EMPTY_LOG_WAIT_S) and work.answer is True
        return False

    def _gather(self, waiting: _Waiting) -> None:
        if self._closing and isinstance(waiting.work, _Between):
            waiting.work.settle(False)
            return
        self._gathered.append(waiting)
        self._idle.clear()
        if not self._due and not self._at_work:
            self._due = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """Pass the collected work to the process or to the thread, unless one of them is working."""
        self._due = False
        if self._at_work:
            return
        if not self._gathered:
            self._idle.set()
            return
        self._at_work = True
        process, started = self._process, self._started
        if started is not None:
            self._started = None
            self._do(self._let_take_over(started))
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
            log.warning("the writing process could not be started; the thread continues to write (%s)", error)

    async def _let_take_over(self, process: WritingProcess) -> None:
        """Have a process that has started write from now on.

        The counts are taken in this order, while nobody of us writes: what others commit in between is in one of them.
        """
        try:
            begun_at = await process.data_version()
            counted = await asyncio.to_thread(self._commits.count_foreign)
            if isinstance(counted, Exception):
                raise counted
            self._took_over = (counted, begun_at)
            self._process = process
        except StoreError as error:
            log.warning("the writing process could not be started; the thread continues to write (%s)", error)
            self._do(process.close())
        self._finished([], [])

    async def _write_by_process(self, process: WritingProcess, batch: list[_Waiting]) -> None:
        rows = [item.work.rows for item in batch if isinstance(item.work, AppendWork)]
        try:
            written, seconds = await process.write(rows)
        except StoreError as error:
            log.exception("the writing process has ended; the thread writes from now on", extra={"pid": process.pid})
            self._process = None
            self._do(process.close())
            self._finished(batch, [error] * len(batch))
            return
        except (TypeError, ValueError, OverflowError):
            written = False
        if not written:
            self._queue.put(batch)
            return
        self._note(len(batch), seconds)
        self._finished(batch, [None] * len(batch))

    def _finished(self, batch: Sequence[_Waiting], answers: Sequence[Any]) -> None:
        """Tell who waited for this batch, and have the next one begun.

        Not at once, but when the event loop has gone round twice more: whoever wrote a message meanwhile is in it, too.
        """
        self._at_work = False
        self._due = True
        self._loop.call_soon(self._loop.call_soon, self._loop.call_soon, self._hand_over)
        for item, answer in zip(batch, answers, strict=True):
            if isinstance(item.work, _Between):
                item.work.settle(answer)
            future = item.future
            if future is None or future.done():  # no caller waits, or the caller was cancelled
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _note(self, count: int, seconds: float) -> None:
        if self._observe is not None:
            self._observe(count, seconds)
        self._checkpointer.note_commits(count)

    def _run(self) -> None:
        """Serve batches; runs in the thread."""
        while (batch := self._queue.get()) is not None:
            answers = self._serve(batch)
            with contextlib.suppress(RuntimeError):  # the event loop is closed: no caller waits any longer
                self._loop.call_soon_threadsafe(self._finished, batch, answers)
        self._commits.empty_log()  # the file can then be copied on its own
        self._commits.discard()

    def _serve(self, batch: Sequence[_Waiting]) -> list[Any]:
        works = [item.work for item in batch if not isinstance(item.work, _Between)]
        done: Iterator[Any] = iter(())
        if works:
            begun = time.perf_counter()
            done = iter(self._commits.commit(works))
            self._note(len(works), time.perf_counter() - begun)
        return [item.work.do() if isinstance(item.work, _Between) else next(done) for item in batch]


def _divide(gathered: Sequence[_Waiting]) -> tuple[list[_Waiting], list[_Waiting], list[_Waiting]]:
    """Say what the process can write in one commit, what the thread does, and what comes after either."""
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
