"""A bounded pool of daemon threads for actions.

`in_process.py` uses it. The standard library's pool waits for its threads when the process exits, but some actions
never return.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class ActionThreads:
    """Runs functions in up to `limit` daemon threads. The pool starts threads when needed and reuses them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._started = 0
        self._idle = threading.Semaphore(0)
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        """Run a function as soon as a thread is free. Call this only from the thread of the event loop."""
        future: Future[T] = Future()
        self._work.put((future, function))
        if not self._idle.acquire(blocking=False) and self._started < self._limit:
            self._started += 1
            threading.Thread(target=self._serve, name=f"action-{self._started}", daemon=True).start()
        return future

    def close(self) -> None:
        """Make the threads end after all submitted functions have run, without waiting for them."""
        self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            future, function = work
            if future.set_running_or_notify_cancel():
                try:
                    result = function()
                except BaseException as error:  # noqa: BLE001  # the error is raised where the future is awaited
                    future.set_exception(error)
                else:
                    future.set_result(result)
            self._idle.release()
        self._work.put(None)  # ends the next thread
