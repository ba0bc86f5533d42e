"""Records the last append that failed because the store was not writable. It does no I/O.

On a full disk, a small write can succeed when appends fail. So a store whose appends fail is not ready, even if
`check_writable` was able to write its test row.
"""

from collections.abc import Callable
from typing import Final

from manent.core.errors import StoreError

REMEMBERED_S: Final = 5.0
"""Seconds after the last failure until `check_writable` tries the store again."""

_CODES: Final = ("store_full", "store_io", "store_readonly")


class FailedWrites:
    """The newest failure since the last append that succeeded.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._error: StoreError | None = None
        self._failed_at = 0.0

    def note_success(self) -> None:
        """Forget the failure."""
        self._error = None

    def note(self, error: StoreError) -> None:
        """Record an error if its code means that the store is not writable."""
        if error.code in _CODES:
            self._error, self._failed_at = error, self._clock()

    def check(self) -> None:
        """Raise the recorded error again if it is recent."""
        if self._error is not None and self._clock() - self._failed_at < REMEMBERED_S:
            raise StoreError(self._error.code, self._error.message)
