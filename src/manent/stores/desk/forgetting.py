"""Removes what the desk stores about a conversation, in the transaction that erases or replaces its log.

The stores call it for every erase and every replacement, also while the desk is off.
"""

from manent.stores.operation import Operation


def forget_desk(sender_id: str) -> Operation[None]:
    """Remove everything about an erased conversation: what was read of its log, and the links to other help desks.

    Decisions of reviewers and numbers remain.
    """
    yield ("DELETE FROM desk_links WHERE sender_id = $1", (sender_id,))
    yield from forget_log(sender_id)


def forget_log(sender_id: str) -> Operation[None]:
    """Remove the row of the list, the messages of the search and of the review, labels and read positions.

    An empty row remains. It lets the reader notify the pages of an erase, or read the log that replaces the old one.
    """
    if not (yield ("SELECT 1 FROM desk_conversations WHERE sender_id = $1", (sender_id,))):
        return
    yield from forget_texts(sender_id)
    yield ("DELETE FROM desk_labels WHERE sender_id = $1", (sender_id,))
    yield ("DELETE FROM desk_reads WHERE sender_id = $1", (sender_id,))
    yield ("UPDATE desk_feed SET data = '{}' WHERE sender_id = $1", (sender_id,))
    yield (
        (
            "UPDATE desk_conversations SET gone = 1, epoch = '', seq = 0, handler = 'bot', operator_id = NULL, "
            "channel = '', labels = '', users = 0, data = '{}' WHERE sender_id = $1"
        ),
        (sender_id,),
    )


def forget_texts(sender_id: str) -> Operation[None]:
    """Remove the messages of a conversation. Groups of equal messages keep those of other conversations."""
    keys = yield (
        "SELECT DISTINCT text_key FROM desk_texts WHERE sender_id = $1 AND text_key IS NOT NULL",
        (sender_id,),
    )
    yield ("DELETE FROM desk_texts WHERE sender_id = $1", (sender_id,))
    for (key,) in keys:
        left = yield (
            "SELECT sender_id, seq, text FROM desk_texts WHERE text_key = $1 ORDER BY id DESC LIMIT 1",
            (key,),
        )
        if not left:
            yield ("DELETE FROM desk_review WHERE text_key = $1", (key,))
            continue
        other, seq, text = left[0]
        yield (
            (
                "UPDATE desk_review SET sender_id = $2, seq = $3, text = $4, "
                "count = (SELECT count(*) FROM desk_texts WHERE text_key = $1) WHERE text_key = $1"
            ),
            (key, other, seq, text),
        )
