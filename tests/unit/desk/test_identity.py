"""Who may use the desk."""

import pytest

from manent.core.errors import RequestError
from manent.desk.identity import Identity
from manent.project.settings.desk import DeskOptions
from manent.runtime.ports.desk import Member
from manent.stores.desk.tables import DeskTables
from manent.stores.memory import MemoryStore


class Removing(DeskTables):
    """Tables in which another request removes a member as soon as the member is read."""

    async def member(self, member_id: str) -> Member | None:
        """Return a member, and remove it."""
        found = await super().member(member_id)
        await self.remove_member(member_id, now=1.0)
        return found


async def test_removal_is_not_undone_by_a_request_of_the_member() -> None:
    """A member who is removed while a request with a new name is checked remains removed, and is rejected."""
    tables = Removing(MemoryStore())
    await tables.open()
    await tables.put_member(Member(id="olga", name="Olga", role="operator"))
    identity = Identity(DeskOptions(), tables)
    with pytest.raises(RequestError, match="removed"):
        await identity.admit("olga", {"name": "Olga B.", identity.options.role_claim: "operator"})

    assert await tables.members() == []
