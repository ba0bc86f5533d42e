"""Stores of earlier versions, as Alembic created them, and functions that describe the content of a store's tables."""

import sqlite3
from contextlib import closing
from pathlib import Path

from manent.stores.sqlite.file import APPLICATION_ID

ALEMBIC = Path(__file__).parent / "alembic"
ALEMBIC_REVISIONS = ("0001", "0002", "0003", "0004")


def store_of_alembic(path: Path, revision: str) -> Path:
    """Create a SQLite store of an earlier version that contains a conversation; return its path."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((ALEMBIC / "sqlite" / f"{revision}.sql").read_text())
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


def shape(path: Path) -> dict[str, object]:
    """Return SQLite's description of the tables, columns and indexes of a file."""
    with closing(sqlite3.connect(path)) as connection:

        def rows(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(statement).fetchall()

        tables = [row for row in rows("PRAGMA table_list") if not str(row[1]).startswith("sqlite_")]
        found: dict[str, object] = {"application": rows("PRAGMA application_id")}
        for row in tables:
            found[f"table {row[1]}"] = (row[3:], rows(f"PRAGMA table_xinfo({row[1]})"))
            for index in rows(f"PRAGMA index_list({row[1]})"):
                found[f"index {index[1]}"] = (index[2:], rows(f"PRAGMA index_xinfo({index[1]})"))
        found["conditions"] = sorted(rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"))
        return found


def upgraded(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """Return what `contents` returns after an upgrade: later schemas add two empty columns to the conversations."""
    conversations = sorted(((*row, None, None) for row in rows["conversations"]), key=repr)
    return rows | {"conversations": conversations}


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all tables except the two tables that record the schema."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)  # noqa: S608  # a table's name
            for (name,) in names
            if name not in {"alembic_version", "schema_revision"}
        }
