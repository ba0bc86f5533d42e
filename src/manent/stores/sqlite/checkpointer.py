"""Limits the length of a SQLite store's write-ahead log, concurrently with the commits.

The store's writer owns the checkpointer.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from manent.stores.sqlite.connection import WritingConnection

COPY_AFTER_APPENDS: Final = 2048
"""Number of pieces of work between two copies of the log's pages into the database.

Conversations write the same pages again and again, but a copy writes each page only once, so rare copies are cheaper. A
copy after every 64 pieces took 5 % of a turn's CPU time, because each call to SQLite from this thread takes the
interpreter lock from the event loop. The size of the log cannot be used instead of this number, because the file does
not shrink after a copy.
"""

COPY_AFTER_BYTES: Final = 16 << 20
"""Growth of the write-ahead log, in bytes, that triggers an early copy."""

TRUNCATE_AFTER_BYTES: Final = 64 << 20
"""Size in bytes above which the log is truncated. Truncating blocks writers briefly."""

RETRY_S: Final = 1.0
"""Time from a failed attempt to the next one, even if nothing is written.

An attempt fails because of a long read or a full disk.
"""

CHECK_AFTER_APPENDS: Final = 64
"""Number of pieces of work between two checks of the log's size. 64 appends write about 1 MiB."""


class Checkpointer:
    """A thread that copies committed pages from the write-ahead log into the database, concurrently with the commits.

    Args:
        path: the database file.
        durability: `disk` or `process`, as for `SqliteStore`.
        empty_log: makes the writer truncate the log, and returns whether this succeeded. Under load, only
            the writer can truncate the log, between two commits.
    """

    def __init__(self, path: Path, *, durability: str, empty_log: Callable[[], bool]) -> None:
        self._empty_log = empty_log
        self._log = Path(f"{path}-wal")
        self._wake = threading.Event()
        self._closing = False
        self._unchecked = 0
        self._uncopied = 0
        self._copied_at = 0
        self._connection = WritingConnection(path, durability=durability)
        self._copying = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="manent-store-checkpoint", daemon=True)
        self._thread.start()

    def note_commits(self, count: int) -> None:
        """Count committed pieces of work, and check the log's size after every `CHECK_AFTER_APPENDS` pieces."""
        self._unchecked += count
        self._uncopied += count
        if self._unchecked >= CHECK_AFTER_APPENDS:
            self._unchecked = 0
            self._wake.set()

    def copy(self) -> None:
        """Copy committed pages into the database without blocking a writer.

        Raises:
            sqlite3.Error: the copy failed.
        """
        with self._copying:
            try:
                self._connection.get().execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.Error:
                self._connection.discard()
                raise

    def close(self) -> None:
        """Stop the thread and close the connection."""
        self._closing = True
        self._wake.set()
        self._thread.join()
        with self._copying:
            self._connection.discard()

    def _run(self) -> None:
        again_after_s: float | None = None
        while not self._closing:
            self._wake.wait(again_after_s)
            self._wake.clear()
            again_after_s = None if self._shorten() else RETRY_S

    def _shorten(self) -> bool:
        """Copy or truncate the log if its length requires this. Return False after a failure."""
        try:
            size = self._log.stat().st_size
            self._copied_at = min(self._copied_at, size)
            if self._uncopied >= COPY_AFTER_APPENDS or size > self._copied_at + COPY_AFTER_BYTES:
                self._uncopied = 0
                self.copy()
                self._copied_at = size
            return size <= TRUNCATE_AFTER_BYTES or self._empty_log()
        except (sqlite3.Error, OSError):
            return False
