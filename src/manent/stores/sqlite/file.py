"""Opens connections to the SQLite file, creates the tables of a new file, and checks existing files.

All connections of the SQLite store are opened by `connect`. Only `manent db upgrade` (`sqlite/upgrade.py`) changes the
schema of an older file.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from manent.core.errors import StoreError
from manent.stores.schema.steps import Recorded, Step, check_schema, missing_steps, newest_schema

APPLICATION_ID = 0x4D414E45
"""`MANE` as a number. The number that marks an SQLite file as a Manent store. It is stored in the file's header."""

BUSY_TIMEOUT_S = 5.0
"""Maximum seconds that a statement waits for another process that writes to the same file."""


def connect(path: Path, *, durability: str, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection with the store's settings, for use by one thread at a time.

    Args:
        path: the database file.
        durability: with `disk`, a commit survives a power failure. With `process`, it survives a crash of the process,
            but not a power failure.
        read_only: whether to reject writes on this connection.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if durability == 'process' else 'FULL'}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # `checkpointer.py` runs the checkpoints instead
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute(
            "PRAGMA temp_store = MEMORY"
        )  # keep temporary tables in memory: they are small, and files would need system calls
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare_file(path: Path, *, durability: str) -> None:
    """Create the tables in a new file, or check that an existing file is a Manent store that this version can use.

    Raises:
        StoreError: `store_foreign_file`, `store_schema_old`, `store_schema_new`.
        sqlite3.Error: the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            _prepare(path, durability=durability)
            break
        except sqlite3.OperationalError as error:
            # SQLite ignores the busy timeout when two processes switch a file to WAL mode at the same time
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
    if is_new:
        _sync_folder(path.parent)


def _prepare(path: Path, *, durability: str) -> None:
    connection = connect(path, durability=durability)
    try:
        if is_empty(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            _create_tables(connection, path)
        _check(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def is_empty(connection: sqlite3.Connection) -> bool:
    """Return whether the file has no tables."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


_HEADER = b"SQLite format 3\x00"
"""First bytes of every SQLite database (https://www.sqlite.org/fileformat.html)."""


def is_database(path: Path) -> bool:
    """Return whether the file's first bytes are those of an SQLite database."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False


def is_foreign(path: Path) -> bool:
    """Return whether the file exists and belongs to another program, for example a Rasa tracker store.

    An unreadable file, for example one that another process has locked, is not foreign, because it can be a store of
    Manent. Opening the file then reports why it is unreadable.
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, timeout=1.0)) as connection:
            (found,) = connection.execute("PRAGMA application_id").fetchone()
            return found != APPLICATION_ID and not is_empty(connection)
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB


def _create_tables(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if is_empty(connection):  # check again under the lock, because another process may have created the tables
            apply_steps(connection, missing_steps(None, "sqlite", where=str(path)))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def apply_steps(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Apply schema steps inside the caller's transaction, and record the new schema.

    Args:
        connection: the store, in a transaction.
        steps: all steps that the store lacks. Without a step, nothing is written.

    Raises:
        sqlite3.Error: a statement failed. The caller must roll back the transaction.
    """
    for step in steps:
        for statement in _statements(step.file.read_text()):
            connection.execute(statement)
    if steps:
        schema = newest_schema("sqlite")
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (schema.readable_by,))
        connection.execute("DELETE FROM schema_revision")
        connection.execute("INSERT INTO schema_revision VALUES (?)", (schema.revision,))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one, because `executescript` would commit the caller's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement:
        yield statement


def recorded_schema(connection: sqlite3.Connection) -> Recorded:
    """Return the schema that a Manent store records. Stores before schema 0010 record one number."""
    (readable_by,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("none",)
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_revision'").fetchone() is None:
        return Recorded(readable_by, readable_by)
    (revision,) = connection.execute("SELECT revision FROM schema_revision").fetchone() or ("none",)
    return Recorded(revision, readable_by)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(
            "store_foreign_file",
            f"{path} is another program's database; name another file under `tracker_store` in endpoints.yml "
            "(`manent import-rasa` copies the conversations of a Rasa tracker store)",
        )
    check_schema(recorded_schema(connection), "sqlite", where=str(path))


def _sync_folder(folder: Path) -> None:
    """Make the directory entry of a new file durable, because SQLite does not do this."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
