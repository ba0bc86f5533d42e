"""Writes what the reader has read of the logs, and finds the logs that it has to read."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from manent.runtime.ports.desk import Count, FeedRow, ListRow, MessageText, Read, Searched, Visit
from manent.stores.desk.dialect import Dialect, locked
from manent.stores.desk.forgetting import forget_texts
from manent.stores.desk.listing import labels_column
from manent.stores.desk.words import text_key, words_of
from manent.stores.operation import Operation

MAX_KEY: Final = 255
"""Width of the column `key`."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


def write_reads(reads: Sequence[Read], dialect: Dialect) -> Operation[tuple[str, ...]]:
    """See `DeskStore.write_reads`."""
    yield from locked(dialect)
    lost = []
    counts: dict[tuple[int, str, str], float] = defaultdict(float)
    feed: list[FeedRow] = []
    for read in reads:
        found = yield (
            "SELECT epoch, seq, labels FROM desk_conversations WHERE sender_id = $1",
            (read.sender_id,),
        )
        present = (found[0][0], found[0][1]) if found else None
        if present != read.before:
            lost.append(read.sender_id)
            continue
        if present is not None and (read.row is None or read.row.epoch != present[0]):
            yield from forget_texts(read.sender_id)
            yield ("DELETE FROM desk_reads WHERE sender_id = $1", (read.sender_id,))
        if found and found[0][2]:
            yield ("DELETE FROM desk_labels WHERE sender_id = $1", (read.sender_id,))
        yield from _put_row(read.sender_id, read.row)
        for text in read.texts:
            yield from _add_text(read.sender_id, text)
        for count in read.counts:
            counts[count.day, count.name, count.key[:MAX_KEY]] += count.value
        for visit in (yield from _new_visits(read.visits)):
            counts[visit.day, "visitors", ""] += 1
        feed += read.feed
    yield from add_counts(
        [Count(day=day, name=name, key=key, value=value) for (day, name, key), value in counts.items()]
    )
    yield from add_to_feed(feed)
    return tuple(lost)


def _put_row(sender_id: str, row: ListRow | None) -> Operation[None]:
    if row is None:
        yield ("DELETE FROM desk_conversations WHERE sender_id = $1", (sender_id,))
        return
    handling = row.handling
    yield (
        (
            "INSERT INTO desk_conversations (sender_id, epoch, seq, handler, operator_id, waiting_since, updated, "
            "channel, labels, users, gone, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11) "
            "ON CONFLICT (sender_id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, "
            "handler = excluded.handler, operator_id = excluded.operator_id, waiting_since = excluded.waiting_since, "
            "updated = excluded.updated, channel = excluded.channel, labels = excluded.labels, users = excluded.users, "
            "gone = 0, data = excluded.data"
        ),
        (
            sender_id,
            row.epoch,
            row.seq,
            handling.handler,
            handling.operator.id if handling.operator is not None else None,
            handling.waiting_since or 0.0,
            row.updated,
            row.channel,
            labels_column(row.labels),
            row.users,
            _encode(row).decode(),
        ),
    )
    for label in row.labels:
        yield (
            (
                "INSERT INTO desk_labels (label, updated, sender_id, channel) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT DO NOTHING"
            ),
            (label, row.updated, sender_id, row.channel),
        )


def _add_text(sender_id: str, text: MessageText) -> Operation[None]:
    is_reviewed = text.role == "user" and text.intent is not None
    key = text_key(text.text) if is_reviewed else None
    yield (
        (
            "INSERT INTO desk_texts (sender_id, seq, role, time, text, words, text_key) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ),
        (sender_id, text.seq, text.role, text.time, text.text, " ".join(words_of(text.text)), key),
    )
    if key is None or (yield ("SELECT 1 FROM desk_annotations WHERE text_key = $1", (key,))):
        return
    yield (
        (
            "INSERT INTO desk_review (text_key, text, intent, confidence, entities, count, sender_id, seq, newest) "
            "VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8) ON CONFLICT (text_key) DO UPDATE SET "
            "text = excluded.text, intent = excluded.intent, confidence = excluded.confidence, "
            "entities = excluded.entities, count = desk_review.count + 1, sender_id = excluded.sender_id, "
            "seq = excluded.seq, newest = excluded.newest"
        ),
        (
            key,
            text.text,
            text.intent,
            text.confidence,
            _encode(text.entities).decode(),
            sender_id,
            text.seq,
            text.time,
        ),
    )


def _new_visits(visits: Sequence[Visit]) -> Operation[list[Visit]]:
    new = []
    for visit in visits:
        added = yield (
            "INSERT INTO desk_visits (day, visitor) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING day",
            (visit.day, visit.visitor),
        )
        new += [visit] if added else []
    return new


def add_counts(counts: Sequence[Count]) -> Operation[None]:
    """Add amounts to the numbers."""
    for count in counts:
        yield (
            (
                "INSERT INTO desk_numbers (day, name, key, value) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (day, name, key) DO UPDATE SET value = desk_numbers.value + excluded.value"
            ),
            (count.day, count.name, count.key, count.value),
        )


def add_to_feed(rows: Sequence[FeedRow]) -> Operation[None]:
    """Add rows to the feed. The caller holds the lock of the feed."""
    for row in rows:
        yield (
            "INSERT INTO desk_feed (kind, time, sender_id, first, last, data) VALUES ($1, $2, $3, $4, $5, $6)",
            (row.kind, row.time, row.sender_id, row.first, row.last, _encode(row.data).decode()),
        )


def find_unread(after: str, limit: int) -> Operation[Searched]:
    """See `DeskStore.unread_logs`."""
    ids = (
        "SELECT * FROM (SELECT sender_id FROM conversations WHERE sender_id > $1 ORDER BY sender_id LIMIT $2) AS a "
        "UNION SELECT * FROM (SELECT sender_id FROM desk_conversations WHERE sender_id > $1 ORDER BY sender_id "
        "LIMIT $2) AS b ORDER BY sender_id LIMIT $2"
    )
    counted = yield (f"SELECT count(*), max(sender_id) FROM ({ids}) AS searched", (after, limit))
    count, upto = counted[0]
    found = yield (
        (
            "SELECT c.sender_id FROM conversations AS c LEFT JOIN desk_conversations AS d ON d.sender_id = c.sender_id "
            "WHERE c.sender_id > $1 AND c.sender_id <= $2 "
            "AND (d.sender_id IS NULL AND c.version > 0 OR d.epoch <> c.epoch OR d.seq < c.version) "
            "UNION ALL SELECT d.sender_id FROM desk_conversations AS d "
            "LEFT JOIN conversations AS c ON c.sender_id = d.sender_id "
            "WHERE d.sender_id > $1 AND d.sender_id <= $2 AND c.sender_id IS NULL"
        ),
        (after, upto or ""),
    )
    return Searched(found=tuple(row[0] for row in found), upto=upto if count == limit else None)


def find_gone(limit: int) -> Operation[list[str]]:
    """Return conversations that were erased and of whose erase the pages were not notified yet."""
    found = yield ("SELECT sender_id FROM desk_conversations WHERE gone = 1 LIMIT $1", (limit,))
    return [row[0] for row in found]


def find_places(sender_ids: Collection[str], dialect: Dialect) -> Operation[dict[str, tuple[str, int]]]:
    """Return epoch and `seq` up to which logs were read, also of erased conversations."""
    found = yield (
        f"SELECT sender_id, epoch, seq FROM desk_conversations WHERE sender_id IN {dialect.among('$1')}",
        (_encode(list(sender_ids)).decode(),),
    )
    return {sender_id: (epoch, seq) for sender_id, epoch, seq in found}
