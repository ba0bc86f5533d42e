"""The head of a conversation as a row: its columns, in their order, in every SQL store."""

import time
from typing import Any, cast

from manent.core.log import Divider, Head, Lease

Row = tuple[Any, ...]

HEAD_COLUMNS = (
    "sender_id, epoch, version, visible, divider, session_seq, plain_seq, open_turn, lease_owner, lease_until, "
    "owner, started, updated"
)


def head_values(head: Head) -> Row:
    """Return the values of `HEAD_COLUMNS`."""
    lease = head.lease
    return (
        head.sender_id,
        head.epoch,
        head.version,
        head.visible,
        head.divider,
        head.session_seq,
        head.plain_seq,
        head.open_turn,
        lease.owner if lease else None,
        lease.until if lease else None,
        head.owner,
        head.started,
        head.updated,
    )


def head_of_row(row: Row) -> Head:
    """Read the values of `HEAD_COLUMNS`."""
    sender_id, epoch, version, visible, divider, session_seq, plain_seq, *rest = row
    open_turn, lease_owner, lease_until, owner, started, updated = rest
    return Head(
        sender_id=sender_id,
        epoch=epoch,
        version=version,
        visible=visible,
        divider=cast("Divider | None", divider),
        session_seq=session_seq,
        plain_seq=plain_seq,
        open_turn=bool(open_turn),
        lease=None if lease_owner is None else Lease(owner=lease_owner, until=lease_until),
        owner=owner,
        started=started,
        updated=updated,
    )


def empty_head(sender_id: str, epoch: str, *, owner: str | None) -> Head:
    """Return the head that an erased conversation is left with: nothing of the old one but whose it is."""
    now = time.time()
    return Head(sender_id=sender_id, epoch=epoch, owner=owner, started=now, updated=now)
