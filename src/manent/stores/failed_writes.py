"""Remembers the last append that failed because the store could not be written. It does no I/O.

On a full disk a small write may still find room where an append does not. So a store whose appends fail is not ready,
even if the row that `check_writable` writes fits.
"""

from collections.abc import Callable
from typing import Final

from manent.core.errors import StoreError

REMEMBERED_S: Final = 5.0
"""After this time without another failure the store may be tried again."""

_CODES: Final = ("store_full", "store_io", "store_readonly")


class FailedWrites:
    """The newest failure since the last append that succeeded.

    Args:
        clock: returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._error: StoreError | None = None
        self._failed_at = 0.0

    def note_success(self) -> None:
        """Forget the failure."""
        self._error = None

    def note(self, error: StoreError) -> None:
        """Remember an error if it means that nothing can be written."""
        if error.code in _CODES:
            self._error, self._failed_at = error, self._clock()

    def check(self) -> None:
        """Raise the failure again if it is recent."""
        if self._error is not None and self._clock() - self._failed_at < REMEMBERED_S:
            raise StoreError(self._error.code, self._error.message)
