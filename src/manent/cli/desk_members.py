"""`manent desk members`: list who may use the desk."""

from typing import Annotated

import typer

from manent.cli.desk_store import with_desk
from manent.cli.shared_options import Endpoints
from manent.runtime.export import moment, printable
from manent.runtime.ports.desk import DeskStore


def list_members(
    *,
    removed: Annotated[bool, typer.Option("--removed", help="Also list members that were removed.")] = False,
    endpoints: Endpoints = None,
) -> None:
    """List the members of the desk with the time of their first invitation, role, id and name."""

    async def work(desk: DeskStore) -> None:
        members = await desk.members(removed=removed)
        if not members:
            print("The desk has no members. Invite one with `manent desk invite NAME --role operator`.")
        for one in members:
            gone = f"  (removed {moment(one.removed)})" if one.removed is not None else ""
            print(f"{moment(one.created)}  {one.role:<8}  {printable(one.id)}  {printable(one.name)}{gone}")

    with_desk(endpoints, work)
