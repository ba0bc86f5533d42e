"""Keeps the list of revoked tokens up to date.

Revocations made on this server are added immediately. Revocations made on other servers are found by polling.
`server/app.py` opens and closes this task. `/admin/revoke` writes revocations, and `tokens.py` checks tokens against
`known`.
"""

import time
from collections.abc import Callable

from msgspec.structs import replace

from manent.core.conversation_log import Revocation
from manent.runtime.identity.tokens import Revoked
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import ConversationStore

POLL_INTERVAL_S = 1.0

MAX_CLOCK_SKEW_S = 60.0
"""Difference in seconds that the clocks of two servers can have without a revocation being missed."""


class Revocations:
    """Keeps the known revocations of this process up to date.

    Attributes:
        known: the revocations that `tokens.py` checks.
        listeners: functions that are called after revocations have been added. They close sockets with revoked tokens.
    """

    def __init__(self, store: ConversationStore, *, metrics: Metrics | None = None) -> None:
        self.store = store
        self.known = Revoked()
        self.listeners: list[Callable[[], None]] = []
        self._newest = 0.0
        self._seen: set[Revocation] = set()
        self._loop = Loop("revocations", self._poll, metrics=metrics or Metrics(), max_retry_s=POLL_INTERVAL_S)

    async def open(self) -> None:
        """Read all revocations, then poll for new ones. The store must be open.

        Raises:
            StoreError: the revocations could not be read. The server must not start without revocations.
        """
        await self._poll()
        self._loop.open()

    async def close(self) -> None:
        """Stop watching."""
        await self._loop.close()

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. When this method returns, this process no longer accepts the revoked tokens.

        Raises:
            StoreError: the revocation was not stored and has no effect.
        """
        made = replace(revocation, made=time.time())
        await self.store.revoke(made)
        self._note([made])

    def poll_soon(self) -> None:
        """Poll now, because another server can have revoked tokens."""
        self._loop.wake()

    async def _poll(self) -> float:
        """Read new revocations, and return the pause until the next poll in seconds."""
        found = await self.store.revocations(since=self._newest - MAX_CLOCK_SKEW_S)
        self._note([one for one in found if one not in self._seen])
        self._seen = set(found)
        return POLL_INTERVAL_S

    def _note(self, found: list[Revocation]) -> None:
        for one in found:
            self.known.note(one)
            self._newest = max(
                self._newest, min(one.made, time.time())
            )  # a revocation by a server whose clock is ahead must not hide later ones
        if found:
            for listener in self.listeners:
                listener()
