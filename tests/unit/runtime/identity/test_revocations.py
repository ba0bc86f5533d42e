"""Revocations of other servers, whatever their clocks say."""

import time
from pathlib import Path

from manent.core.conversation_log import Revocation
from manent.runtime.identity.revocations import Revocations
from manent.runtime.identity.tokens import VerifiedToken
from manent.stores.sqlite.store import SqliteStore


async def test_a_clock_that_is_ahead_hides_nothing(tmp_path: Path) -> None:
    """After a revocation from the future, one that is made now is noticed all the same."""
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    revocations = Revocations(store)
    await store.revoke(Revocation(kind="subject", value="ada", made=time.time() + 3600))
    await revocations._poll()
    await store.revoke(Revocation(kind="subject", value="bob", made=time.time()))
    await revocations._poll()

    assert [revocations.known.has(VerifiedToken(subject=name)) for name in ("ada", "bob", "eve")] == [True, True, False]
    await store.close()
