"""The statements of `SharedModels` in SQLite: running servers, and parts of model files. `store.py` calls them."""

import sqlite3
import time
from collections.abc import Collection

import msgspec


def swap_meta(cursor: sqlite3.Cursor, key: str, value: bytes, expected: bytes | None) -> bool:
    """Replace a value if it equals the expected value. Return whether it was replaced."""
    if expected is None:
        cursor.execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, value))
    else:
        cursor.execute("UPDATE meta SET value = ? WHERE name = ? AND value = ?", (value, key, expected))
    return cursor.rowcount > 0


def report_server(cursor: sqlite3.Cursor, name: str, ready: int, for_s: float) -> dict[str, int]:
    """Store the report of a running server. Return all servers whose report is still valid."""
    now = time.time()
    cursor.execute("DELETE FROM servers WHERE until <= ?", (now,))
    cursor.execute("INSERT OR REPLACE INTO servers (name, until, ready) VALUES (?, ?, ?)", (name, now + for_s, ready))
    return dict(cursor.execute("SELECT name, ready FROM servers").fetchall())


def remove_server(cursor: sqlite3.Cursor, name: str) -> None:
    """Remove the report of a server."""
    cursor.execute("DELETE FROM servers WHERE name = ?", (name,))


def put_model_part(cursor: sqlite3.Cursor, digest: str, number: int, data: bytes) -> None:
    """Store a part unless the store contains it."""
    cursor.execute(
        "INSERT INTO model_parts (digest, number, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (digest, number, data)
    )


def model_part(cursor: sqlite3.Cursor, digest: str, number: int) -> bytes | None:
    """Return a part."""
    row: tuple[bytes] | None = cursor.execute(
        "SELECT data FROM model_parts WHERE digest = ? AND number = ?", (digest, number)
    ).fetchone()
    return row and row[0]


def keep_models(cursor: sqlite3.Cursor, digests: Collection[str]) -> None:
    """Remove the parts of all other models."""
    kept = msgspec.json.encode(list(digests)).decode()
    cursor.execute("DELETE FROM model_parts WHERE digest NOT IN (SELECT value FROM json_each(?))", (kept,))
