"""`manent desk audit`: print who read and changed conversations at the desk."""

import sys
from typing import Annotated

import msgspec
import typer

from manent.cli.desk_store import with_desk
from manent.cli.shared_options import Endpoints
from manent.runtime.export import moment, printable
from manent.runtime.ports.desk import AuditRecord, DeskStore

PAGE = 500


def show_audit(
    *,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="SENDER_ID", help="Only records about this conversation.")
    ] = None,
    member: Annotated[str | None, typer.Option("--member", metavar="ID", help="Only records of this member.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Maximum number of records.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    endpoints: Endpoints = None,
) -> None:
    """Print the audit of the desk, newest first: each read of a conversation by a person, and each change."""

    async def work(desk: DeskStore) -> None:
        left, before = limit, None
        while left and (
            found := await desk.audit_records(
                sender_id=conversation, member_id=member, before=before, limit=min(left, PAGE)
            )
        ):
            for record in found:
                sys.stdout.write((_json(record) if as_json else _line(record)) + "\n")
            left, before = left - len(found), found[-1].number

    with_desk(endpoints, work)


def _line(record: AuditRecord) -> str:
    who = f"{record.name} ({record.member_id})" if record.member_id else "command"
    about = f"  {printable(record.sender_id)}" if record.sender_id is not None else ""
    detail = f"  {msgspec.json.encode(record.detail).decode()}" if record.detail else ""
    return f"{moment(record.time)}  {printable(who)}  {record.action}{about}{printable(detail)}"


def _json(record: AuditRecord) -> str:
    return msgspec.json.encode(record).decode()
