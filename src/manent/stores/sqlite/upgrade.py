"""Upgrades an older SQLite store to the schema of this version, for `manent db upgrade`.

A server never upgrades a store.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from manent.core.errors import StoreError
from manent.stores.schema.steps import missing_steps, newest_revision
from manent.stores.sqlite.backup import backup_sqlite
from manent.stores.sqlite.errors import store_error
from manent.stores.sqlite.file import apply_steps, connect, is_foreign, prepare_file, recorded_schema


def upgrade_sqlite(path: Path, *, backup: bool = True, additive_only: bool = False) -> tuple[str | None, str]:
    """Apply the schema steps that a SQLite store lacks. Create the store if the file does not exist.

    All steps are one transaction. If a step fails, the file is not changed. A store with a newer schema that this
    version can use is not changed.

    Args:
        path: the database file.
        backup: whether to copy an existing file to `<name>.<old revision>.bak` in the same folder first.
        additive_only: whether to fail if servers of the previous schema cannot continue after the upgrade.

    Returns: The revisions before and after the upgrade. The first is None if the file did not exist.

    Raises:
        StoreError: `store_foreign_file`, `store_schema_new`, `store_schema_stop`, an error of the backup or of SQLite.
    """
    if is_foreign(path):
        raise StoreError("store_foreign_file", f"{path} is another program's database; it was not changed")
    newest = newest_revision("sqlite")
    try:
        if not path.exists() or path.stat().st_size == 0:
            prepare_file(path, durability="disk")
            return None, newest
        with closing(connect(path, durability="disk")) as connection:
            found = recorded_schema(connection)
            before = found.revision
            if not missing_steps(found, "sqlite", where=str(path), additive_only=additive_only):
                return before, before
            if backup:
                backup_sqlite(path, path.with_name(f"{path.name}.{before}.bak"))
            _upgrade(connection, path)
    except sqlite3.Error as error:
        raise store_error(error) from error
    return before, newest


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again under the lock, because another process may have upgraded the file in the meantime.
        apply_steps(connection, missing_steps(recorded_schema(connection), "sqlite", where=str(path)))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
