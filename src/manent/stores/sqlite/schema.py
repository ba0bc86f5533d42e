"""The SQLite file: its tables as plain DDL, its settings, and the check that a file is one of ours.

A new file is laid out here without Alembic or SQLAlchemy, which are slow to import and only needed to change an old
file; a test holds the result equal to the migrations' (`revisions/`). `sqlite.py` and `sqlite/writer.py` open their
connections here.
"""

import os
import sqlite3
import time
from pathlib import Path

from manent.core.errors import StoreError

APPLICATION_ID = 0x4D414E45
"""`MANE` in SQLite's header: the file is a Manent store."""

REVISION = "0004"
"""The newest migration; a file at another revision is not opened."""

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another process that is writing the same file."""

DDL = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE conversations (
    id INTEGER NOT NULL,
    sender_id VARCHAR(255) NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    version BIGINT NOT NULL,
    visible BIGINT NOT NULL,
    divider VARCHAR(16),
    session_seq BIGINT NOT NULL,
    plain_seq BIGINT NOT NULL,
    open_turn BOOLEAN NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE,
    owner VARCHAR(255),
    started DOUBLE NOT NULL,
    updated DOUBLE NOT NULL,
    CONSTRAINT pk_conversations PRIMARY KEY (id),
    CONSTRAINT uq_conversations_sender_id UNIQUE (sender_id)
);
CREATE INDEX ix_conversations_open ON conversations (updated) WHERE open_turn;
CREATE INDEX ix_conversations_owner ON conversations (owner, updated) WHERE owner IS NOT NULL;
CREATE TABLE events (
    conversation_id INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    format SMALLINT NOT NULL,
    prev BIGINT,
    divider VARCHAR(16),
    title TEXT,
    data TEXT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (conversation_id, seq)
);
CREATE TABLE accepted (
    conversation_id INTEGER NOT NULL,
    message_id VARCHAR(128) NOT NULL,
    seq BIGINT NOT NULL,
    digest BLOB NOT NULL,
    CONSTRAINT pk_accepted PRIMARY KEY (conversation_id, message_id)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    conversation_id INTEGER NOT NULL,
    version BIGINT NOT NULL,
    data BLOB NOT NULL,
    CONSTRAINT pk_snapshots PRIMARY KEY (conversation_id, version)
);
CREATE TABLE reminders (
    conversation_id INTEGER NOT NULL,
    name VARCHAR(255) NOT NULL,
    seq BIGINT NOT NULL,
    due DOUBLE NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_reminders PRIMARY KEY (conversation_id, name)
) WITHOUT ROWID;
CREATE INDEX ix_reminders_due ON reminders (due);
CREATE TABLE meta (
    name VARCHAR(64) NOT NULL,
    value BLOB NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY (name)
);
CREATE TABLE revocations (
    kind VARCHAR(8) NOT NULL,
    value VARCHAR(255) NOT NULL,
    issued_before DOUBLE,
    lifted BOOLEAN NOT NULL,
    made DOUBLE NOT NULL,
    CONSTRAINT pk_revocations PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE INDEX ix_revocations_made ON revocations (made);
CREATE TABLE published (
    sender_id VARCHAR(255) NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE,
    CONSTRAINT pk_published PRIMARY KEY (sender_id)
) WITHOUT ROWID;
"""


def connect(path: Path, *, durability: str, read_only: bool = False) -> sqlite3.Connection:
    """Open one connection with the store's settings, for use by one thread at a time.

    `durability` is `disk` (a commit is on the disk) or `process` (a commit survives the process, not the power);
    `read_only` refuses writes on this connection.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if durability == 'process' else 'FULL'}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoints are made beside the commits
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute("PRAGMA temp_store = MEMORY")  # what a statement needs for itself is small; files cost calls
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare_file(path: Path, *, durability: str) -> None:
    """Lay out a new file, or check that an existing one is ours and of this version.

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
            # turning WAL on beside another process that does the same is refused at once, without waiting
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
            _lay_out(connection)
        _check(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables at all."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def is_foreign(path: Path) -> bool:
    """Whether a file exists that is somebody else's SQLite database (a Rasa tracker store, say)."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    connection = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)
    try:
        return connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID and not is_empty(connection)
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()


def _lay_out(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if is_empty(connection):  # another process may have been faster
            for statement in DDL.strip().split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version VALUES (?)", (REVISION,))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(
            "store_foreign_file",
            f"{path} is another program's database; name another file under `tracker_store` in endpoints.yml "
            "(`manent import-rasa` brings a Rasa tracker store over)",
        )
    (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("none",)
    if revision < REVISION:
        raise StoreError("store_schema_old", f"{path} has schema {revision}, {REVISION} is needed: `manent db upgrade`")
    if revision > REVISION:
        raise StoreError("store_schema_new", f"{path} has schema {revision}, this version knows {REVISION} and older")


def _sync_folder(folder: Path) -> None:
    """Make the new file's name durable, which SQLite leaves to its caller."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
