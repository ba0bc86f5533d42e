"""A mailbox, which runs the jobs of one conversation one at a time in the order of their arrival.

Each `Conversation` has one. A job that fails or is cancelled does not leave other jobs waiting forever.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from manent.core.errors import ManentError
from manent.runtime.conversation.ticket import server_closing

log = logging.getLogger("manent.conversation")

T = TypeVar("T")

Job = Callable[[], Coroutine[Any, Any, None]]
Reject = Callable[[ManentError], object]
"""Called with an error instead of the job, if the job will never run."""


class Mailbox:
    """A queue of jobs, and the task that runs them.

    Args:
        on_start: called with the worker task when the task starts.
        on_empty: called with the worker task when no job is left. The worker task ends after the call.
    """

    __slots__ = ("_jobs", "_on_empty", "_on_start", "_worker")

    def __init__(
        self, *, on_start: Callable[[asyncio.Task[None]], None], on_empty: Callable[[asyncio.Task[None]], None]
    ) -> None:
        self._on_start = on_start
        self._on_empty = on_empty
        # a list, because it is nearly always empty or short, and even an empty deque needs 0.6 kB
        self._jobs: list[tuple[Job, Reject]] = []
        self._worker: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Number of waiting jobs, excluding the job that is running."""
        return len(self._jobs)

    @property
    def is_busy(self) -> bool:
        """Whether any job is running or waiting."""
        return self._worker is not None

    def add(self, job: Job, *, reject: Reject, first: bool = False) -> None:
        """Add a job after all waiting jobs, or before them. `reject` is called if the job will never run."""
        self._jobs.insert(0 if first else len(self._jobs), (job, reject))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
            self._on_start(self._worker)

    async def perform(self, work: Callable[[], Awaitable[T]], *, first: bool = False) -> T:
        """Add `work` as a job, wait for it, and return its result or raise its exception."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def job() -> None:
            try:
                value = await work()
            except asyncio.CancelledError:
                result.cancel()  # the server is shutting down, and the caller must not wait forever
                raise
            except Exception as error:  # noqa: BLE001  # the error is raised in the caller
                if not result.done():
                    result.set_exception(error)
            else:
                if not result.done():
                    result.set_result(value)

        def reject(error: ManentError) -> None:
            if not result.done():
                result.set_exception(error)

        self.add(job, reject=reject, first=first)
        return await result

    async def _work(self) -> None:
        try:
            while self._jobs:
                job, _ = self._jobs.pop(0)
                try:
                    await job()
                except Exception:
                    log.exception("a job of a conversation failed")
        except asyncio.CancelledError:  # the server is shutting down
            waiting, self._jobs = self._jobs, []
            for _, reject in waiting:
                reject(server_closing())
            raise
        finally:
            worker, self._worker = self._worker, None
            if worker is not None:
                self._on_empty(worker)
