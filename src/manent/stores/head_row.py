"""Converts the head of a conversation to a row of the SQL stores, and back."""

import time
from typing import Any, cast

import msgspec

from manent.core.conversation_log import BOT, Divider, Handling, Head, Lease

Row = tuple[Any, ...]

_encode_handling = msgspec.json.Encoder().encode
_decode_handling = msgspec.json.Decoder(Handling).decode

HEAD_COLUMNS = (
    "sender_id, epoch, version, visible, divider, session_seq, plain_seq, open_turn, lease_owner, lease_until, "
    "owner, started, updated, handler, handling"
)


def lease_values(lease: Lease | None) -> tuple[str | None, float | None]:
    """Return the values for a lease's two columns."""
    return (lease.owner, lease.until) if lease is not None else (None, None)


def owner_of(lease: Lease | None) -> str | None:
    """Return the owner of a lease, or None without a lease."""
    return lease.owner if lease is not None else None


def lease_of(owner: str | None, until: float | None) -> Lease | None:
    """Convert the values of a lease's two columns to a lease."""
    return None if owner is None or until is None else Lease(owner=owner, until=until)


def handling_values(handling: Handling) -> tuple[str | None, str | None]:
    """Return the values of the columns `handler` (None for the bot) and `handling` (JSON)."""
    if handling is BOT or handling == BOT:
        return (None, None)
    handler = None if handling.handler == "bot" else handling.handler
    return (handler, _encode_handling(handling).decode())


def head_values(head: Head) -> Row:
    """Return the values of `HEAD_COLUMNS`."""
    return (
        head.sender_id,
        head.epoch,
        head.version,
        head.visible,
        head.divider,
        head.session_seq,
        head.plain_seq,
        head.open_turn,
        *lease_values(head.lease),
        head.owner,
        head.started,
        head.updated,
        *handling_values(head.handling),
    )


def head_of_row(row: Row) -> Head:
    """Convert a row of `HEAD_COLUMNS` to a head."""
    sender_id, epoch, version, visible, divider, session_seq, plain_seq, *rest = row
    open_turn, lease_owner, lease_until, owner, started, updated, _, handling = rest
    return Head(
        sender_id=sender_id,
        epoch=epoch,
        version=version,
        visible=visible,
        divider=cast("Divider | None", divider),
        session_seq=session_seq,
        plain_seq=plain_seq,
        open_turn=bool(open_turn),
        lease=lease_of(lease_owner, lease_until),
        owner=owner,
        started=started,
        updated=updated,
        handling=BOT if handling is None else _decode_handling(handling),
    )


def empty_head(sender_id: str, epoch: str, *, owner: str | None) -> Head:
    """Return the head of an erased conversation: empty, but with the same owner."""
    now = time.time()
    return Head(sender_id=sender_id, epoch=epoch, owner=owner, started=now, updated=now)
