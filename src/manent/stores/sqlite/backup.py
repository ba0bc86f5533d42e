"""Copies a SQLite store while it is in use, with SQLite's online backup. For `manent db backup`."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from manent.core.errors import StoreError
from manent.stores.sqlite.errors import store_error
from manent.stores.sqlite.file import BUSY_TIMEOUT_S

_PAGES_PER_STEP = 1024
"""Number of pages that are copied per step (about 4 MiB). Other processes can write between two steps."""


def backup_sqlite(source: Path, target: Path) -> int:
    """Copy a consistent state of a store into a new file, durably. Servers may use the store at the same time.

    Returns:
        The size of the copy in bytes.

    Raises:
        StoreError: `store_missing`: the file does not exist. `backup_exists`: the target exists. Other codes report an
            error of the disk or of SQLite.
    """
    if not source.exists():
        raise StoreError("store_missing", f"{source} does not exist: run this command in the project's folder")
    if target.exists():
        raise StoreError("backup_exists", f"{target} already exists; name another file or remove it")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_S)) as here,
            closing(sqlite3.connect(partial)) as there,
        ):
            here.execute("BEGIN")
            here.execute(
                "SELECT 1 FROM sqlite_master"
            ).fetchone()  # this open read fixes the state to copy while other processes write
            here.backup(there, pages=_PAGES_PER_STEP)
            there.execute("PRAGMA journal_mode = DELETE")  # the copy is a single file, without a write-ahead log
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise store_error(error) from error
        raise StoreError("store_io", f"cannot write the copy ({error})") from error
    return target.stat().st_size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
