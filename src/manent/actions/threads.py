"""Threads that actions run in: a bounded number of them, none of which holds up the end of the process.

`in_process.py` uses it. The standard library's pool would do, but for one thing: at the end of the process it waits
for its threads, and an action may hang for ever.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class ActionThreads:
    """Runs functions in up to `limit` daemon threads, which are started when needed and used again."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._started = 0
        self._idle = threading.Semaphore(0)
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        """Run a function as soon as a thread is free. Called from one thread, that of the event loop."""
        future: Future[T] = Future()
        self._work.put((future, function))
        if not self._idle.acquire(blocking=False) and self._started < self._limit:
            self._started += 1
            threading.Thread(target=self._serve, name=f"action-{self._started}", daemon=True).start()
        return future

    def close(self) -> None:
        """Let the threads end, each after what it is at; what was submitted before is still run."""
        self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            future, function = work
            if future.set_running_or_notify_cancel():
                try:
                    result = function()
                except BaseException as error:  # noqa: BLE001  # it is the waiter's
                    future.set_exception(error)
                else:
                    future.set_result(result)
            self._idle.release()
        self._work.put(None)  # for the next thread
