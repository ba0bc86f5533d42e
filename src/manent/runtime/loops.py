"""Runs repeating background tasks, and continues them after errors.

Recovery, reminders, retention, revocations, shared rate limits, publishing and the notifications between servers each
have a `Loop`. A round that raises is logged and counted, and the loop continues after a pause. Metrics and
`/health/ready` name the loops whose last round failed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from manent.core.errors import ManentError
from manent.runtime.metrics import Metrics

log = logging.getLogger("manent.background")

FIRST_RETRY_S: Final = 0.5
MAX_RETRY_S: Final = 5.0
"""Pause in seconds after a failed round. The pause doubles with each failure in a row, up to the maximum."""

DELAY_PROBE_S: Final = 0.25
"""Duration of a sleep whose delay is measured, and of the pause before the next one."""


class Loop:
    """A background task that repeats a round until it is closed.

    Args:
        name: the loop's name in logs and metrics, for example `recovery`.
        round_: runs one round and returns the pause before the next one in seconds.
        metrics: counts failed rounds.
        max_retry_s: longest pause after a failed round.
    """

    def __init__(
        self,
        name: str,
        round_: Callable[[], Awaitable[float]],
        *,
        metrics: Metrics,
        max_retry_s: float = MAX_RETRY_S,
    ) -> None:
        self.name = name
        self._round = round_
        self._metrics = metrics
        self._max_retry_s = max_retry_s
        self._failures = 0
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        metrics.background_failures.setdefault(name, 0)

    def open(self) -> None:
        """Start. Start the task. The first round begins immediately."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def close(self) -> None:
        """Cancel the current round and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """End the pause between two rounds, or skip the next one. The pause after a failure is not shortened."""
        self._awake.set()

    def succeeded(self) -> None:
        """Record that the loop works. It is called after each round, and a long round can also call it."""
        if self._failures:
            log.info("a background task works again", extra={"loop": self.name, "failures": self._failures})
            self._failures = 0
        self._metrics.background_failing.pop(self.name, None)

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            try:
                pause_s = await self._round()
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                self._failed(error)  # a task that the round was waiting for was cancelled, but not the loop itself
            except Exception as error:  # noqa: BLE001  # logged and counted; the loop must continue
                self._failed(error)
            else:
                self.succeeded()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._awake.wait()
                continue
            await asyncio.sleep(min(FIRST_RETRY_S * 2 ** min(self._failures - 1, 16), self._max_retry_s))

    def _failed(self, error: BaseException) -> None:
        """Count a failure. Log the 1st, 2nd, 4th, 8th … failure in a row, with the traceback of unexpected errors."""
        self._failures += 1
        self._metrics.background_failures[self.name] += 1
        code = error.code if isinstance(error, ManentError) else type(error).__name__
        self._metrics.background_failing[self.name] = code
        if self._failures & (self._failures - 1):
            return
        extra = {"loop": self.name, "failures": self._failures, "code": code, "error": str(error)}
        if isinstance(error, ManentError):
            log.warning("a background task failed and is repeated", extra=extra)
        else:
            log.error(
                "a background task failed and is repeated",
                extra=extra,
                exc_info=error if self._failures == 1 else None,
            )


def delay_meter(metrics: Metrics) -> Loop:
    """Return the loop that measures by how much the event loop is late.

    While a computation blocks the event loop, all visitors wait. The delay shows how long.
    """

    async def measure() -> float:
        loop = asyncio.get_running_loop()
        due = loop.time() + DELAY_PROBE_S
        await asyncio.sleep(DELAY_PROBE_S)
        metrics.loop_delays.observe(max(0.0, loop.time() - due))
        return DELAY_PROBE_S

    return Loop("delay_meter", measure, metrics=metrics)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
