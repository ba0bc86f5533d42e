"""A writing connection to a SQLite store.

The connection is opened on first use, and closed after an error that leaves its state unknown. The writer
(`sqlite/commits.py`), the writing process (`sqlite/process_main.py`), and the thread that copies the log
(`sqlite/checkpointer.py`) each have a separate writing connection.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from manent.stores.sqlite.file import BUSY_TIMEOUT_S, connect

_KNOWN_LIMIT: Final = 100_000


class WritingConnection:
    """A connection that is opened when needed. Only one thread may use it at a time.

    Args:
        path: the database file.
        durability: `disk` or `process`, as for `SqliteStore`.
        busy_timeout_s: seconds to wait for another writer. None means `BUSY_TIMEOUT_S`.

    Attributes:
        known: row ids of conversations, by `sender_id`. Other processes can have erased some of these conversations.
        opened: how many times the connection was opened.
    """

    def __init__(self, path: Path, *, durability: str, busy_timeout_s: float | None = None) -> None:
        self._path = path
        self._durability = durability
        self._busy_timeout_s = BUSY_TIMEOUT_S if busy_timeout_s is None else busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self.known: dict[str, int] = {}
        self.opened = 0

    def get(self) -> sqlite3.Connection:
        """Return the connection. Open it if necessary.

        Raises:
            sqlite3.Error: the connection cannot be opened.
        """
        if self._connection is None:
            self._connection = connect(self._path, durability=self._durability)
            self.wait_for_others(self._busy_timeout_s)
            self.opened += 1
        return self._connection

    def wait_for_others(self, seconds: float | None = None) -> None:
        """Set the maximum time that statements wait for other writers and readers.

        None selects the constructor's value.
        """
        seconds = self._busy_timeout_s if seconds is None else seconds
        self.get().execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def data_version(self) -> int:
        """Return a number that changes with each commit by another connection.

        Raises:
            sqlite3.Error: the number cannot be read.
        """
        (count,) = self.get().execute("PRAGMA data_version").fetchone()
        return int(count)

    def remember(self, sender_id: str, number: int) -> None:
        """Store a conversation's row id in `known`."""
        if len(self.known) >= _KNOWN_LIMIT:
            self.known.clear()
        self.known[sender_id] = number

    def discard(self) -> None:
        """Close the connection, which rolls back uncommitted changes, and clear `known`."""
        self.known.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
