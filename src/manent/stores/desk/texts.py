"""The search and the review of messages."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from manent.core.events import Json
from manent.runtime.ports.desk import Annotation, Hit, ReviewMessage
from manent.stores.desk.dialect import Dialect
from manent.stores.desk.listing import MAX_ID
from manent.stores.desk.words import text_key
from manent.stores.operation import Operation

_ORDERS = {"uncertain": "confidence, text_key", "frequent": "count DESC, text_key DESC",
           "newest": "newest DESC, text_key DESC"}  # fmt: skip

_decode_entities = msgspec.json.Decoder(tuple[Json, ...]).decode


def search(q: str, limit: int, before: int | None, dialect: Dialect) -> Operation[tuple[list[Hit], int | None]]:
    """See `DeskStore.search`."""
    query = dialect.query(q)
    if query is None:
        return [], None
    found = yield (
        f"SELECT id, sender_id, seq, role, time, text FROM desk_texts WHERE id IN ({dialect.hits}) ORDER BY id DESC",
        (query, MAX_ID if before is None else before, limit + 1),
    )
    hits = [
        Hit(sender_id=sender_id, seq=seq, role=role, time=time, text=text)
        for _, sender_id, seq, role, time, text in found[:limit]
    ]
    return hits, found[limit - 1][0] if len(found) > limit else None


def review(sort: Literal["uncertain", "frequent", "newest"], limit: int) -> Operation[list[ReviewMessage]]:
    """See `DeskStore.review`."""
    found = yield (
        (
            "SELECT text, intent, confidence, entities, count, sender_id, seq FROM desk_review "
            f"ORDER BY {_ORDERS[sort]} LIMIT $1"
        ),
        (limit,),
    )
    return [_review_message(row) for row in found]


def _review_message(row: Sequence[Any]) -> ReviewMessage:
    text, intent, confidence, entities, count, sender_id, seq = row
    return ReviewMessage(
        text=text,
        intent=intent,
        confidence=confidence,
        entities=_decode_entities(entities),
        count=count,
        sender_id=sender_id,
        seq=seq,
    )


def annotate(one: Annotation) -> Operation[None]:
    """See `DeskStore.annotate`. The text leaves the review."""
    key = text_key(one.text)
    yield (
        (
            "INSERT INTO desk_annotations (text_key, text, intent, entities, member_id, time) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (text_key) DO UPDATE SET text = excluded.text, "
            "intent = excluded.intent, entities = excluded.entities, member_id = excluded.member_id, "
            "time = excluded.time"
        ),
        (key, one.text, one.intent, msgspec.json.encode(one.entities).decode(), one.member_id, one.time),
    )
    yield ("DELETE FROM desk_review WHERE text_key = $1", (key,))


def annotations() -> Operation[list[Annotation]]:
    """See `DeskStore.annotations`."""
    found = yield (
        "SELECT text, intent, entities, member_id, time FROM desk_annotations ORDER BY time, text_key",
        (),
    )
    return [
        Annotation(text=text, intent=intent, entities=_decode_entities(entities), member_id=member_id, time=time)
        for text, intent, entities, member_id, time in found
    ]
