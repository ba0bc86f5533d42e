"""Transactions of the SQLite store's writing connection: a batch of work in one commit, each piece's failure its own.

A batch is one `BEGIN IMMEDIATE … COMMIT`. Appends to known conversations are written together with a handful of
statements whatever their number (`sqlite/rows.py` says why); when one of them meets another version, a used message
id or anything else that does not fit, the batch is taken back and done again one by one, so that each fails alone.
`sqlite/writer.py` says when; everything here is called by one thread at a time.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from manent.core.errors import InternalError, ManentError, StoreError
from manent.runtime.ports.store import DuplicateMessage, VersionConflict
from manent.stores.head_row import lease_values
from manent.stores.sqlite.appends import AppendWork, append_to_new, append_together, find_accepted
from manent.stores.sqlite.connection import WritingConnection
from manent.stores.sqlite.errors import store_error
from manent.stores.sqlite.reminders import check_reminders
from manent.stores.sqlite.rows import BulkFailed

TRUNCATE_WAIT_MS: Final = 200
"""How long emptying the write-ahead log may wait for readers, while it holds up writers."""

Work = AppendWork | Callable[[sqlite3.Cursor], Any]
"""What is done in a transaction: an append, or a function that runs inside of it and returns the answer."""

_OWN_FAULT: Final = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    UnicodeError,
    OverflowError,
)
"""Errors caused by the values of one piece of work, not by the file or the disk."""


class Commits:
    """Owns the writing connection."""

    def __init__(self, path: Path, *, durability: str) -> None:
        self._connection = WritingConnection(path, durability=durability)

    def commit(self, works: Sequence[Work]) -> list[Any]:
        """Do the work; return the answers in order, with an exception where a piece failed. Raises nothing."""
        try:
            return self._commit(works)
        except sqlite3.Error as error:
            answer: Exception = store_error(error)
        except Exception as error:  # noqa: BLE001 - set on every waiting future; the thread must continue
            answer = error
        self.discard()
        return [answer] * len(works)

    def empty_log(self) -> bool:
        """Copy what is left of the write-ahead log and truncate it; False when readers stay in the way."""
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
        """Return a value that changes with each commit of another connection, or the error."""
        try:
            count = self._connection.data_version()
        except sqlite3.Error as error:
            self.discard()
            return store_error(error)
        return self._connection.opened, count

    def discard(self) -> None:
        """Close the connection; the next use opens another."""
        self._connection.discard()

    def _commit(self, works: Sequence[Work]) -> list[Any]:
        cursor = self._connection.get().cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            answers = self._in_bulk(cursor, works)
            cursor.execute("COMMIT")
        except (BulkFailed, *_OWN_FAULT):
            cursor.execute("ROLLBACK")
            self._connection.known.clear()
        else:
            return answers
        cursor.execute("BEGIN IMMEDIATE")
        answers = [self._apart(cursor, work) for work in works]
        cursor.execute("COMMIT")
        return answers

    def _in_bulk(self, cursor: sqlite3.Cursor, works: Sequence[Work]) -> list[Any]:
        """Do the work in order, runs of appends to different known conversations together."""
        answers: list[Any] = [None] * len(works)
        run: dict[str, AppendWork] = {}
        for index, work in enumerate(works):
            sender_id = work.rows.sender_id if isinstance(work, AppendWork) else None
            if not isinstance(work, AppendWork) or sender_id not in self._connection.known or sender_id in run:
                self._append_known(cursor, run.values())
                run.clear()
            if not isinstance(work, AppendWork) or sender_id not in self._connection.known:
                answers[index] = self._apart(cursor, work)
            else:
                run[work.rows.sender_id] = work
        self._append_known(cursor, run.values())
        return answers

    def _append_known(self, cursor: sqlite3.Cursor, works: Iterable[AppendWork]) -> None:
        append_together(cursor, [(self._connection.known[work.rows.sender_id], work) for work in works])

    def _apart(self, cursor: sqlite3.Cursor, work: Work) -> Any:
        """Do one piece of work so that its failure takes back nothing else; return its answer or its error."""
        cursor.execute("SAVEPOINT apart")
        try:
            answer: Any = None
            if isinstance(work, AppendWork):
                self._append_alone(cursor, work)
            else:
                answer = work(cursor)
        except (ManentError, *_OWN_FAULT) as error:
            cursor.execute("ROLLBACK TO apart")
            answer = error if isinstance(error, ManentError) else store_error(error)
        cursor.execute("RELEASE apart")
        return answer

    def _append_alone(self, cursor: sqlite3.Cursor, work: AppendWork) -> None:
        append = work.append
        sender_id = append.head.sender_id
        ids = [one.message_id for one in append.accepted]
        if len(set(ids)) < len(ids):
            raise InternalError("bad_append", "one append accepts one message id twice")
        self._connection.known.pop(sender_id, None)
        found = cursor.execute(
            "SELECT id, epoch, version, lease_owner, lease_until FROM conversations WHERE sender_id = ?", (sender_id,)
        )
        row = found.fetchone()
        if row is None:
            if append.expected_version != 0:
                raise VersionConflict(sender_id)
            number = append_to_new(cursor, work)
        else:
            number, *place = row
            if place != [append.head.epoch, append.expected_version, *lease_values(append.expected_lease)]:
                raise VersionConflict(sender_id)
            for message_id in ids:
                before = find_accepted(cursor, sender_id, message_id)
                if before is not None:
                    raise DuplicateMessage(before)
            check_reminders(cursor, number, sender_id, append.reminders)
            append_together(cursor, [(number, work)])
        self._connection.remember(sender_id, number)
