"""A store that fails when a test wants it to."""

from collections.abc import Collection

from manent.core.conversation_log import LogEntry, Page
from manent.core.errors import StoreError
from manent.stores.memory import MemoryStore


class FailingStore(MemoryStore):
    """A store whose method `fails` raises an error at its next call."""

    fails = ""

    def _maybe_fail(self, method: str) -> None:
        if self.fails == method:
            self.fails = ""
            raise StoreError("store_unavailable", "the store is not available")

    async def after(self, sender_id: str, seq: int, *, limit: int) -> Page | None:
        """Fail or read."""
        self._maybe_fail("after")
        return await super().after(sender_id, seq, limit=limit)

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Fail or read."""
        self._maybe_fail("entries")
        return await super().entries(sender_id, after=after, limit=limit)

    async def news(self, *, within_s: float) -> Collection[str] | None:
        """Report no changes by other processes."""
        return await super().news(within_s=min(within_s, 0.01))

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Fail or erase."""
        self._maybe_fail("erase")
        return await super().erase(sender_id, new_epoch=new_epoch)
