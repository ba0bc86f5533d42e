"""What a store remembers of appends that failed."""

import pytest

from manent.core.errors import StoreError
from manent.stores.failed_writes import REMEMBERED_S, FailedWrites


def test_a_full_disk_is_remembered_for_a_while() -> None:
    """The failure is raised again until an append succeeds or the time is over."""
    now = 100.0
    failed = FailedWrites(lambda: now)
    failed.check()
    failed.note(StoreError("store_full", "the disk is full"))
    now += REMEMBERED_S - 0.1
    with pytest.raises(StoreError, match="the disk is full"):
        failed.check()
    now += 0.2
    failed.check()

    failed.note(StoreError("store_full", "the disk is full"))
    failed.note_success()
    failed.check()


def test_other_errors_are_not_remembered() -> None:
    """A value that cannot be stored, or a lock, does not make the store unready."""
    failed = FailedWrites(lambda: 0.0)
    failed.note(StoreError("store_refused", "a surrogate"))
    failed.note(StoreError("store_locked", "the statement timed out"))
    failed.check()
