"""Implements the publishing cursors of the SQLite store.

Only the writer and the readers of the store call these functions.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from manent.core.conversation_log import Cursor, Lease, UnpublishedEvents
from manent.runtime.ports.store import Behind
from manent.stores.codec import current_json
from manent.stores.head_row import lease_of

MARK: Final = "publishing"
"""Name of the row in `meta` that exists once publishing has begun."""

_AMONG = "IN (SELECT value FROM json_each(?))"


def begin_publishing(cursor: sqlite3.Cursor) -> None:
    """Mark all events in the store as published. Only the first call on a store has an effect."""
    cursor.execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (MARK, b"1"))
    if cursor.rowcount == 1:
        cursor.execute(
            "INSERT OR IGNORE INTO published (sender_id, epoch, seq) "
            "SELECT sender_id, epoch, version FROM conversations WHERE version > 0 ORDER BY sender_id"
        )


def behind(cursor: sqlite3.Cursor, after: str, limit: int) -> Behind:
    """Search the next `limit` conversations after `after`, ordered by `sender_id`."""
    count, upto = cursor.execute(
        """
        SELECT count(*), max(sender_id) FROM (
            SELECT * FROM (SELECT sender_id FROM conversations WHERE sender_id > ?1 ORDER BY sender_id LIMIT ?2)
            UNION SELECT * FROM (SELECT sender_id FROM published WHERE sender_id > ?1 ORDER BY sender_id LIMIT ?2)
            ORDER BY sender_id LIMIT ?2
        )
        """,
        (after, limit),
    ).fetchone()
    found = cursor.execute(
        """
        SELECT c.sender_id, p.lease_owner, p.lease_until
        FROM conversations AS c LEFT JOIN published AS p ON p.sender_id = c.sender_id
        WHERE c.sender_id > ?1 AND c.sender_id <= ?2
            AND (p.sender_id IS NULL AND c.version > 0 OR p.epoch <> c.epoch OR p.seq < c.version)
        UNION ALL
        SELECT p.sender_id, p.lease_owner, p.lease_until
        FROM published AS p LEFT JOIN conversations AS c ON c.sender_id = p.sender_id
        WHERE p.sender_id > ?1 AND p.sender_id <= ?2 AND c.sender_id IS NULL
        """,
        (after, upto or ""),
    ).fetchall()
    return Behind(
        found=tuple((sender_id, lease_of(owner, until)) for sender_id, owner, until in found),
        upto=upto if count == limit else None,
    )


def claim(
    cursor: sqlite3.Cursor, sender_ids: Sequence[str], lease: Lease, now: float, over: Collection[str]
) -> list[Cursor]:
    """Acquire a lease on the cursors of conversations. Missing cursors are created."""
    wanted = _json(sender_ids)
    cursor.execute(
        "INSERT OR IGNORE INTO published (sender_id, epoch, seq) "
        f"SELECT sender_id, epoch, 0 FROM conversations WHERE version > 0 AND sender_id {_AMONG}",
        (wanted,),
    )
    cursor.execute(
        f"UPDATE published SET lease_owner = ?, lease_until = ? WHERE sender_id {_AMONG} "
        f"AND (lease_owner IS NULL OR lease_until <= ? OR lease_owner {_AMONG})",
        (lease.owner, lease.until, wanted, now, _json([lease.owner, *over])),
    )
    found = cursor.execute(
        f"SELECT sender_id, epoch, seq, lease_owner, lease_until FROM published WHERE sender_id {_AMONG}", (wanted,)
    )
    return [
        Cursor(sender_id=sender_id, epoch=epoch, seq=seq, lease=lease_of(owner, until))
        for sender_id, epoch, seq, owner, until in found.fetchall()
    ]


def unpublished(cursor: sqlite3.Cursor, cursors: Sequence[Cursor], limit: int) -> list[UnpublishedEvents]:
    """Return the events after each cursor, at most `limit` events each, from one consistent read."""
    return [_unpublished(cursor, one, limit) for one in cursors]


def _unpublished(cursor: sqlite3.Cursor, one: Cursor, limit: int) -> UnpublishedEvents:
    row = cursor.execute("SELECT id, epoch FROM conversations WHERE sender_id = ?", (one.sender_id,)).fetchone()
    if row is None or row[1] != one.epoch:
        return UnpublishedEvents(cursor=one, epoch=row and row[1])
    found = cursor.execute(
        "SELECT seq, format, CAST(data AS BLOB) FROM events WHERE conversation_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (row[0], one.seq, limit),
    )
    events = tuple((seq, current_json(data, written_as)) for seq, written_as, data in found.fetchall())
    return UnpublishedEvents(cursor=one, epoch=one.epoch, events=events)


def move(cursor: sqlite3.Cursor, cursors: Sequence[Cursor], gone: Sequence[str], owner: str) -> None:
    """Set cursors, remove the cursors of the conversations in `gone`, and release the leases on all of them."""
    cursor.execute(
        """
        UPDATE published SET epoch = new.epoch, seq = new.seq, lease_owner = NULL, lease_until = NULL
        FROM (
            SELECT json_extract(value, '$[0]') AS sender_id, json_extract(value, '$[1]') AS epoch,
                json_extract(value, '$[2]') AS seq
            FROM json_each(?)
        ) AS new
        WHERE published.sender_id = new.sender_id AND published.lease_owner = ?
        """,
        (msgspec.json.encode([(one.sender_id, one.epoch, one.seq) for one in cursors]).decode(), owner),
    )
    if gone:
        cursor.execute(f"DELETE FROM published WHERE sender_id {_AMONG} AND lease_owner = ?", (_json(gone), owner))


def _json(names: Collection[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
