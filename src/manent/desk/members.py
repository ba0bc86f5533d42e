"""Invites and removes members. The command line and the identity of the desk use it."""

import re
import time
import unicodedata
from urllib.parse import urlencode

from manent.core.errors import RequestError
from manent.desk.tokens import digest_of, new_token
from manent.runtime.ports.desk import ROLES, AuditRecord, DeskStore, Invitation, Member, Role

INVITATION_S = 24 * 3600.0
MAX_NAME = 100
MAX_ID = 255


async def invite(desk: DeskStore, name: str, role: Role, *, by: Member | None = None) -> tuple[Member, str]:
    """Add a member, or invite a known one again with this role, and return the token of a link.

    Members are known by the id that follows from their name: `Ada Lovelace` has the id `ada-lovelace`.

    Raises:
        RequestError: `bad_request`: the name or the role is not valid.
    """
    shown = checked_name(name)
    if role not in ROLES:
        raise RequestError("bad_request", f"unknown role {role!r}: expected one of {', '.join(ROLES)}")
    member_id = _id_of(shown)
    known = await desk.member(member_id)
    now = time.time()
    created = known.created if known is not None else now
    member = Member(id=member_id, name=shown, role=role, created=created, avatar=known.avatar if known else None)
    if known is not None and known.removed is None and (known.name, known.role) != (shown, role):
        await desk.remove_member(member_id, now=now)  # sessions with the old role end
    await desk.put_member(member)
    token = new_token()
    await desk.invite(Invitation(digest=digest_of(token), member_id=member_id, created=now, expires=now + INVITATION_S))
    await desk.audit(_record(by, "member.invite", member, now))
    return member, token


def join_path(token: str) -> str:
    """Return the path of an invitation's link."""
    return f"/desk/join?{urlencode({'invitation': token})}"


async def remove(desk: DeskStore, member_id: str, *, by: Member | None = None) -> bool:
    """Remove a member. All sessions and links of the member end. Return whether the member existed."""
    now = time.time()
    member = await desk.member(member_id)
    if member is None or not await desk.remove_member(member_id, now=now):
        return False
    await desk.audit(_record(by, "member.remove", member, now))
    return True


def checked_name(name: str) -> str:
    """Return a name without surrounding white space.

    Raises:
        RequestError: `bad_request`.
    """
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= MAX_NAME or not shown.isprintable():
        raise RequestError("bad_request", f"a name has 1 to {MAX_NAME} printable characters")
    return shown


def _id_of(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[^\w.@+-]+", "-", plain).strip("-")[:MAX_ID] or "member"


def _record(by: Member | None, action: str, member: Member, now: float) -> AuditRecord:
    detail = {"member": member.id, "role": member.role}
    return AuditRecord(
        time=now, member_id=by.id if by else "", name=by.name if by else "", action=action, detail=detail
    )
