"""Members, invitations, sessions and the audit."""

from collections.abc import Sequence
from typing import Any

import msgspec

from manent.runtime.ports.desk import AuditRecord, DeskSession, Invitation, Member
from manent.stores.operation import Operation

_MEMBER = "id, name, role, avatar, created, removed"
_OF_MEMBER = ", ".join(f"m.{name}" for name in _MEMBER.split(", "))


def find_members(*, removed: bool) -> Operation[list[Member]]:
    """See `DeskStore.members`."""
    where = "" if removed else " WHERE removed IS NULL"
    found = yield (f"SELECT {_MEMBER} FROM desk_members{where} ORDER BY name, id", ())
    return [_member(row) for row in found]


def find_member(member_id: str) -> Operation[Member | None]:
    """See `DeskStore.member`."""
    found = yield (f"SELECT {_MEMBER} FROM desk_members WHERE id = $1", (member_id,))
    return _member(found[0]) if found else None


def put_member(member: Member, *, readmits: bool) -> Operation[bool]:
    """See `DeskStore.put_member`."""
    condition = "" if readmits else "WHERE desk_members.removed IS NULL "
    found = yield (
        (
            f"INSERT INTO desk_members ({_MEMBER}) VALUES ($1, $2, $3, $4, $5, $6) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, avatar = excluded.avatar, "
            f"removed = excluded.removed {condition}RETURNING id"
        ),
        (member.id, member.name, member.role, member.avatar, member.created, member.removed),
    )
    return bool(found)


def remove_member(member_id: str, now: float) -> Operation[bool]:
    """See `DeskStore.remove_member`."""
    found = yield (
        "UPDATE desk_members SET removed = $2 WHERE id = $1 AND removed IS NULL RETURNING id",
        (member_id, now),
    )
    yield ("DELETE FROM desk_sessions WHERE member_id = $1", (member_id,))
    yield ("DELETE FROM desk_invitations WHERE member_id = $1", (member_id,))
    yield ("DELETE FROM desk_presence WHERE member_id = $1", (member_id,))
    return bool(found)


def invite(invitation: Invitation) -> Operation[None]:
    """See `DeskStore.invite`."""
    yield (
        "INSERT INTO desk_invitations (digest, member_id, created, expires) VALUES ($1, $2, $3, $4)",
        (invitation.digest, invitation.member_id, invitation.created, invitation.expires),
    )


def find_invitation(digest: str, now: float) -> Operation[Member | None]:
    """See `DeskStore.invitation`."""
    found = yield (
        (
            f"SELECT {_OF_MEMBER} FROM desk_invitations AS i JOIN desk_members AS m ON m.id = i.member_id "
            "WHERE i.digest = $1 AND i.used IS NULL AND i.expires > $2 AND m.removed IS NULL"
        ),
        (digest, now),
    )
    return _member(found[0]) if found else None


def redeem(digest: str, session: DeskSession, now: float) -> Operation[Member | None]:
    """See `DeskStore.redeem`. The update decides which of two requests with one link succeeds."""
    member = yield from find_invitation(digest, now)
    if member is None:
        return None
    used = yield (
        "UPDATE desk_invitations SET used = $2 WHERE digest = $1 AND used IS NULL RETURNING digest",
        (digest, now),
    )
    if not used:
        return None
    yield from begin_session(msgspec.structs.replace(session, member_id=member.id))
    return member


def begin_session(session: DeskSession) -> Operation[None]:
    """See `DeskStore.begin_session`."""
    yield (
        "INSERT INTO desk_sessions (digest, member_id, created, expires) VALUES ($1, $2, $3, $4)",
        (session.digest, session.member_id, session.created, session.expires),
    )


def find_session(digest: str, now: float) -> Operation[tuple[DeskSession, Member] | None]:
    """See `DeskStore.session`."""
    found = yield (
        (
            f"SELECT s.digest, s.member_id, s.created, s.expires, {_OF_MEMBER} FROM desk_sessions AS s "
            "JOIN desk_members AS m ON m.id = s.member_id "
            "WHERE s.digest = $1 AND s.expires > $2 AND m.removed IS NULL"
        ),
        (digest, now),
    )
    if not found:
        return None
    known, member_id, created, expires, *member = found[0]
    session = DeskSession(digest=known, member_id=member_id, created=created, expires=expires)
    return session, _member(member)


def end_session(digest: str) -> Operation[None]:
    """See `DeskStore.end_session`."""
    yield ("DELETE FROM desk_sessions WHERE digest = $1", (digest,))


def audit(record: AuditRecord) -> Operation[None]:
    """See `DeskStore.audit`."""
    yield (
        ("INSERT INTO desk_audit (time, member_id, name, action, sender_id, detail) VALUES ($1, $2, $3, $4, $5, $6)"),
        (
            record.time,
            record.member_id,
            record.name,
            record.action,
            record.sender_id,
            msgspec.json.encode(record.detail).decode(),
        ),
    )


def audit_records(
    sender_id: str | None, member_id: str | None, before: int | None, limit: int
) -> Operation[list[AuditRecord]]:
    """See `DeskStore.audit_records`."""
    where, values = [], list[Any]()
    for condition, value in (("sender_id =", sender_id), ("member_id =", member_id), ("number <", before)):
        if value is not None:
            values.append(value)
            where.append(f"{condition} ${len(values)}")
    values.append(limit)
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    found = yield (
        (
            f"SELECT time, member_id, name, action, sender_id, detail, number FROM desk_audit{conditions} "
            f"ORDER BY number DESC LIMIT ${len(values)}"
        ),
        tuple(values),
    )
    return [
        AuditRecord(
            time=time,
            member_id=member,
            name=name,
            action=action,
            sender_id=sender,
            detail=msgspec.json.decode(detail),
            number=number,
        )
        for time, member, name, action, sender, detail, number in found
    ]


def _member(row: Sequence[Any]) -> Member:
    member_id, name, role, avatar, created, removed = row
    return Member(id=member_id, name=name, role=role, avatar=avatar, created=created, removed=removed)
