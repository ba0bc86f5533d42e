"""Maps errors of SQLite to error codes of the store."""

import sqlite3
from typing import Final

from manent.core.errors import StoreError

_CODES: Final = {
    sqlite3.SQLITE_FULL: ("store_full", "the disk or the database is full"),
    sqlite3.SQLITE_BUSY: ("store_locked", "another process has locked the database"),
    sqlite3.SQLITE_LOCKED: ("store_locked", "the database is locked"),
    sqlite3.SQLITE_READONLY: ("store_readonly", "the database cannot be written to"),
    sqlite3.SQLITE_PERM: ("store_readonly", "the database cannot be written to"),
    sqlite3.SQLITE_IOERR: ("store_io", "the disk failed"),
    sqlite3.SQLITE_CANTOPEN: ("store_unreachable", "the database file cannot be opened"),
    sqlite3.SQLITE_CORRUPT: ("store_corrupt", "the database file is damaged"),
    sqlite3.SQLITE_NOTADB: ("store_corrupt", "the file is not a database"),
}


def store_error(error: Exception) -> StoreError:
    """Convert an error of SQLite to a StoreError."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    code, message = _CODES.get(primary, ("store_failed", "the database reported an error"))
    return StoreError(code, f"{message} ({error})")
