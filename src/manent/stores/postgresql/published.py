"""Implements the publishing cursors of the PostgreSQL store.

The methods of the store call these functions with a connection.
"""

from collections.abc import Collection, Sequence
from typing import Any

from manent.core.conversation_log import Cursor, Lease, UnpublishedEvents
from manent.runtime.ports.store import Behind
from manent.stores.codec import current_json
from manent.stores.head_row import lease_of
from manent.stores.postgresql.connection import UPGRADE_TIMEOUT_S

MARK = "INSERT INTO meta (name, value) VALUES ('publishing', '1') ON CONFLICT (name) DO NOTHING RETURNING name"
MARK_AS_PUBLISHED = """
INSERT INTO published (sender_id, epoch, seq)
SELECT sender_id, epoch, version FROM conversations WHERE version > 0 ORDER BY sender_id
ON CONFLICT (sender_id) DO NOTHING
"""
SEARCHED = """
SELECT count(*), max(sender_id) FROM (
    (SELECT sender_id FROM conversations WHERE sender_id > $1 ORDER BY sender_id LIMIT $2)
    UNION (SELECT sender_id FROM published WHERE sender_id > $1 ORDER BY sender_id LIMIT $2)
    ORDER BY sender_id LIMIT $2
) AS found
"""
BEHIND = """
SELECT c.sender_id, p.lease_owner, p.lease_until
FROM conversations AS c LEFT JOIN published AS p ON p.sender_id = c.sender_id
WHERE c.sender_id > $1 AND c.sender_id <= $2
    AND (p.sender_id IS NULL AND c.version > 0 OR p.epoch <> c.epoch OR p.seq < c.version)
UNION ALL
SELECT p.sender_id, p.lease_owner, p.lease_until
FROM published AS p LEFT JOIN conversations AS c ON c.sender_id = p.sender_id
WHERE p.sender_id > $1 AND p.sender_id <= $2 AND c.sender_id IS NULL
"""
BEGIN_CURSORS = """
INSERT INTO published (sender_id, epoch, seq)
SELECT sender_id, epoch, 0 FROM conversations WHERE version > 0 AND sender_id = ANY($1::text[]) ORDER BY sender_id
ON CONFLICT (sender_id) DO NOTHING
"""
LEASE = """
UPDATE published SET lease_owner = $2, lease_until = $3 WHERE sender_id IN (
    SELECT sender_id FROM published
    WHERE sender_id = ANY($1::text[]) AND (lease_owner IS NULL OR lease_until <= $4 OR lease_owner = ANY($5::text[]))
    ORDER BY sender_id FOR UPDATE
)
"""
"""Acquires leases.

It locks the rows in order of `sender_id`, so that two servers that claim the same rows do not deadlock.
"""

CURSORS = "SELECT sender_id, epoch, seq, lease_owner, lease_until FROM published WHERE sender_id = ANY($1::text[])"
UNPUBLISHED = """
SELECT asked.number, c.epoch, e.seq, e.format, e.data
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked (sender_id, epoch, seq, number)
LEFT JOIN conversations AS c ON c.sender_id = asked.sender_id
LEFT JOIN LATERAL (
    SELECT seq, format, data FROM events
    WHERE conversation_id = c.id AND c.epoch = asked.epoch AND seq > asked.seq ORDER BY seq LIMIT $4
) AS e ON true
ORDER BY asked.number, e.seq
"""
MOVE = """
UPDATE published SET epoch = new.epoch, seq = new.seq, lease_owner = NULL, lease_until = NULL
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new (sender_id, epoch, seq)
WHERE published.sender_id = new.sender_id AND published.lease_owner = $4
"""
DROP = "DELETE FROM published WHERE sender_id = ANY($1::text[]) AND lease_owner = $2"


async def begin_publishing(connection: Any) -> None:
    """Mark everything in the store as published.

    Only the first call ever on a store has an effect. Call it inside a transaction.
    """
    if await connection.fetchval(MARK) is not None:
        await connection.execute(MARK_AS_PUBLISHED, timeout=UPGRADE_TIMEOUT_S)


async def behind(connection: Any, after: str, limit: int) -> Behind:
    """Search the next `limit` conversations after `after`, ordered by `sender_id`."""
    count, upto = await connection.fetchrow(SEARCHED, after, limit)
    found = await connection.fetch(BEHIND, after, upto or "")
    return Behind(
        found=tuple((sender_id, lease_of(owner, until)) for sender_id, owner, until in found),
        upto=upto if count == limit else None,
    )


async def claim(
    connection: Any, sender_ids: Sequence[str], lease: Lease, now: float, over: Collection[str]
) -> list[Cursor]:
    """Acquire a lease on the cursors of conversations. Missing cursors are created. Call it inside a transaction."""
    wanted = list(sender_ids)
    await connection.execute(BEGIN_CURSORS, wanted)
    await connection.execute(LEASE, wanted, lease.owner, lease.until, now, [lease.owner, *over])
    return [
        Cursor(sender_id=sender_id, epoch=epoch, seq=seq, lease=lease_of(owner, until))
        for sender_id, epoch, seq, owner, until in await connection.fetch(CURSORS, wanted)
    ]


async def unpublished(connection: Any, cursors: Sequence[Cursor], limit: int) -> list[UnpublishedEvents]:
    """Return the events after each cursor, at most `limit` events each, from one consistent read."""
    found = await connection.fetch(
        UNPUBLISHED,
        [one.sender_id for one in cursors],
        [one.epoch for one in cursors],
        [one.seq for one in cursors],
        limit,
    )
    epochs: dict[int, str | None] = {}
    events: dict[int, list[tuple[int, bytes]]] = {}
    for number, epoch, seq, written_as, data in found:
        epochs[number] = epoch
        if seq is not None:
            events.setdefault(number, []).append((seq, current_json(data.encode(), written_as)))
    return [
        UnpublishedEvents(cursor=one, epoch=epochs[number], events=tuple(events.get(number, ())))
        for number, one in enumerate(cursors, 1)
    ]


async def move(connection: Any, cursors: Sequence[Cursor], gone: Sequence[str], owner: str) -> None:
    """Set cursors, remove the cursors of the conversations in `gone`, and release the leases on all of them.

    Call it inside a transaction.
    """
    moved = sorted(cursors, key=lambda one: one.sender_id)
    await connection.execute(
        MOVE, [one.sender_id for one in moved], [one.epoch for one in moved], [one.seq for one in moved], owner
    )
    if gone:
        await connection.execute(DROP, list(gone), owner)
