"""Revocations by other servers are applied, even if the clocks of the servers differ."""

import time
from pathlib import Path

from manent.core.conversation_log import Revocation
from manent.runtime.identity.revocations import Revocations
from manent.runtime.identity.tokens import VerifiedToken
from manent.stores.sqlite.store import SqliteStore


async def test_revocation_after_one_from_the_future_is_applied(tmp_path: Path) -> None:
    """A revocation is applied even if an earlier one has a later time."""
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    revocations = Revocations(store)
    await store.revoke(Revocation(kind="subject", value="ada", made=time.time() + 3600))
    await revocations._poll()
    await store.revoke(Revocation(kind="subject", value="bob", made=time.time()))
    await revocations._poll()

    assert [revocations.known.has(VerifiedToken(subject=name)) for name in ("ada", "bob", "eve")] == [True, True, False]
    await store.close()
