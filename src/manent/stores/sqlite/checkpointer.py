"""Keeps a SQLite store's write-ahead log short, beside the commits. Owned by the store's writer."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from manent.stores.sqlite.connection import WritingConnection

COPY_AFTER_APPENDS: Final = 2048
"""How many pieces of work lie between two times that pages are copied into the database, beside the commits.

Conversations write the same pages over and over; each is copied once. With 64 instead the copying took a twentieth of
a turn's CPU; with 512, on a connection made for each time, as much, because turns had become cheaper, and because this
thread's every call to SQLite wrests the interpreter from the event loop. The log keeps the length that it once had, so
its size alone cannot tell.
"""

COPY_AFTER_BYTES: Final = 16 << 20
"""How much longer the write-ahead log may have become before that."""

TRUNCATE_AFTER_BYTES: Final = 64 << 20
"""Size above which writers are blocked, briefly, to restart the write-ahead log."""

RETRY_S: Final = 1.0
"""How long after a failed attempt (a long reader, a full disk) the next one is made, even if nothing is written."""

CHECK_AFTER_APPENDS: Final = 64
"""How many pieces of work lie between two looks at the log's size (64 appends make some 1 MiB)."""


class Checkpointer:
    """A thread that copies committed pages from the write-ahead log into the database, beside the commits.

    Args:
        empty_log: asks the writer to restart the log, which under load only the writer can do between two commits;
            returns whether it did.
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
        """Count commits, and check the log's size after every `CHECK_AFTER_APPENDS` of them."""
        self._unchecked += count
        self._uncopied += count
        if self._unchecked >= CHECK_AFTER_APPENDS:
            self._unchecked = 0
            self._wake.set()

    def copy(self) -> None:
        """Copy committed pages into the database without blocking a writer.

        Raises:
            sqlite3.Error: it could not be copied.
        """
        with self._copying:
            try:
                self._connection.get().execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.Error:
                self._connection.discard()
                raise

    def close(self) -> None:
        """Stop."""
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
        """Copy or empty the log if its length requires it; False when that failed."""
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
