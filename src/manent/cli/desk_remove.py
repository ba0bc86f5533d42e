"""`manent desk remove`: remove a member of the desk."""

from typing import Annotated

import typer

from manent.cli.desk_store import with_desk
from manent.cli.shared_options import Endpoints
from manent.core.errors import StoreError
from manent.runtime.ports.desk import DeskStore


def remove_member(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the member, see `manent desk members`.")],
    *,
    endpoints: Endpoints = None,
) -> None:
    """Remove a member of the desk. All sessions and links of the member end at once, on every server."""
    from manent.desk.members import remove

    async def work(desk: DeskStore) -> None:
        if not await remove(desk, member_id):
            raise StoreError("unknown_member", f"unknown member {member_id!r}: run `manent desk members`")
        print(f"Removed {member_id}.")

    with_desk(endpoints, work)
