"""Commits batches of work on the SQLite store's writing connection.

A piece of work that fails does not affect the others. A batch is one transaction (`BEGIN IMMEDIATE … COMMIT`).
Consecutive appends to known conversations are written together with a few statements (`sqlite/rows.py` explains why).
If one of them fails, because the log has another version or the message id was used, these appends are rolled back and
repeated one by one. Other work is never repeated.

`sqlite/writer.py` decides when to commit. Only one thread at a time may call these functions.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

from manent.core.errors import InternalError, ManentError, StoreError
from manent.runtime.ports.store import DuplicateMessage, VersionConflict
from manent.stores.head_row import owner_of
from manent.stores.sqlite.appends import AppendWork, append_to_new, append_together, find_accepted
from manent.stores.sqlite.connection import WritingConnection
from manent.stores.sqlite.errors import store_error
from manent.stores.sqlite.reminders import check_reminders
from manent.stores.sqlite.rows import BulkFailed

TRUNCATE_WAIT_MS: Final = 200
"""Maximum seconds that truncating the write-ahead log waits for readers. Writers are blocked during this time."""

Work = AppendWork | Callable[[sqlite3.Cursor], Any]
"""A piece of work: an append, or a function that is called once inside the transaction and returns the result."""

_VALUE_ERRORS: Final = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    UnicodeError,
    OverflowError,
)
"""Errors that are caused by the values in one piece of work, not by the file or the disk."""


class Commits:
    """Commits work. The class owns the writing connection."""

    def __init__(self, path: Path, *, durability: str) -> None:
        self._connection = WritingConnection(path, durability=durability)

    def commit(self, works: Sequence[Work]) -> list[Any]:
        """Do the work and return the results in order.

        The result of a failed piece is its exception, which is not raised.
        """
        try:
            return self._commit(works)
        except sqlite3.Error as error:
            result: Exception = store_error(error)
        except Exception as error:  # noqa: BLE001 - the error is set on all futures, and the thread must continue
            result = error
        self.discard()
        return [result] * len(works)

    def empty_log(self) -> bool:
        """Copy the rest of the write-ahead log into the database, and truncate the log.

        Return False if readers prevent this.
        """
        connection = self._connection
        try:
            connection.wait_for_others(TRUNCATE_WAIT_MS / 1000)
            (blocked, _, _) = connection.get().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.wait_for_others()
        except sqlite3.Error:
            self.discard()
            return False
        return not blocked

    def count_foreign(self) -> tuple[int, int] | StoreError:
        """Return a value that changes with each commit by another connection, or the error."""
        try:
            count = self._connection.data_version()
        except sqlite3.Error as error:
            self.discard()
            return store_error(error)
        return self._connection.opened, count

    def discard(self) -> None:
        """Close the connection. The next use opens a new connection."""
        self._connection.discard()

    def _commit(self, works: Sequence[Work]) -> list[Any]:
        cursor = self._connection.get().cursor()
        cursor.execute("BEGIN IMMEDIATE")
        results: list[Any] = []
        together: dict[str, AppendWork] = {}
        for work in works:
            sender_id = work.rows.sender_id if isinstance(work, AppendWork) else None
            if not isinstance(work, AppendWork) or sender_id not in self._connection.known or sender_id in together:
                results += self._append_known(cursor, together.values())
                together.clear()
            if not isinstance(work, AppendWork) or sender_id not in self._connection.known:
                results.append(self._run_alone(cursor, work))
            else:
                together[work.rows.sender_id] = work
        results += self._append_known(cursor, together.values())
        cursor.execute("COMMIT")
        return results

    def _append_known(self, cursor: sqlite3.Cursor, works: Collection[AppendWork]) -> list[Any]:
        """Write appends to different known conversations together, or alone if one of them fails."""
        if not works:
            return []
        results: list[Any] = [None] * len(works)
        cursor.execute("SAVEPOINT together")
        try:
            append_together(cursor, [(self._connection.known[work.rows.sender_id], work) for work in works])
        except (BulkFailed, *_VALUE_ERRORS):
            cursor.execute("ROLLBACK TO together")
            results = [self._run_alone(cursor, work) for work in works]
        cursor.execute("RELEASE together")
        return results

    def _run_alone(self, cursor: sqlite3.Cursor, work: Work) -> Any:
        """Do one piece of work in a savepoint and return its result or its error."""
        cursor.execute("SAVEPOINT alone")
        try:
            result: Any = None
            if isinstance(work, AppendWork):
                self._append_alone(cursor, work)
            else:
                result = work(cursor)
        except (ManentError, *_VALUE_ERRORS) as error:
            cursor.execute("ROLLBACK TO alone")
            result = error if isinstance(error, ManentError) else store_error(error)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001  # the caller receives it, and the other work is committed
            cursor.execute("ROLLBACK TO alone")
            result = error
        cursor.execute("RELEASE alone")
        return result

    def _append_alone(self, cursor: sqlite3.Cursor, work: AppendWork) -> None:
        append = work.append
        sender_id = append.head.sender_id
        ids = [one.message_id for one in append.accepted]
        if len(set(ids)) < len(ids):
            raise InternalError("bad_append", "an append contains the same message id twice")
        self._connection.known.pop(sender_id, None)
        found = cursor.execute(
            "SELECT id, epoch, version, lease_owner FROM conversations WHERE sender_id = ?", (sender_id,)
        )
        row = found.fetchone()
        if row is None:
            if append.expected_version != 0:
                raise VersionConflict(sender_id)
            number = append_to_new(cursor, work)
        else:
            number, *place = row
            if place != [append.head.epoch, append.expected_version, owner_of(append.expected_lease)]:
                raise VersionConflict(sender_id)
            for message_id in ids:
                before = find_accepted(cursor, sender_id, message_id)
                if before is not None:
                    raise DuplicateMessage(before)
            check_reminders(cursor, number, sender_id, append.reminders)
            append_together(cursor, [(number, work)])
        self._connection.remember(sender_id, number)
