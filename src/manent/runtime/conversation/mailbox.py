"""A mailbox: what is to be done in one conversation, one thing at a time, in the order it came.

Each `Conversation` has one. It knows nothing of what the jobs do; a job that fails must deal with that itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Job = Callable[[], Coroutine[Any, Any, None]]


class Mailbox:
    """Jobs that wait, and the task that works them off while there are any.

    Args:
        began: given the task when there is something to do again.
        emptied: given the task when nothing is left to do; it ends with that.
    """

    __slots__ = ("_began", "_emptied", "_jobs", "_worker")

    def __init__(
        self, *, began: Callable[[asyncio.Task[None]], None], emptied: Callable[[asyncio.Task[None]], None]
    ) -> None:
        self._began = began
        self._emptied = emptied
        self._jobs: deque[Job] = deque()
        self._worker: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many jobs wait for their turn."""
        return len(self._jobs)

    @property
    def working(self) -> bool:
        """Something is being seen through, or waits."""
        return self._worker is not None

    def add(self, job: Job) -> None:
        """Put a job behind those that wait."""
        self._jobs.append(job)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
            self._began(self._worker)

    async def perform(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` when its turn has come; return what it returns and raise what it raises."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def job() -> None:
            try:
                value = await work()
            except asyncio.CancelledError:
                result.cancel()  # the server ends; whoever waits must not wait for ever
                raise
            except Exception as error:  # noqa: BLE001  # handed to the caller, who is waiting for it
                if not result.done():
                    result.set_exception(error)
            else:
                if not result.done():
                    result.set_result(value)

        self.add(job)
        return await result

    async def _work(self) -> None:
        try:
            while self._jobs:
                await self._jobs.popleft()()
        finally:
            worker, self._worker = self._worker, None
            if worker is not None:
                self._emptied(worker)
