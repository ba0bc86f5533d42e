"""Keeps the list of revoked tokens up to date.

It adds revocations of this server immediately and those of other servers by polling. `server/app.py` opens and closes
it. `/admin/revoke` writes revocations, and `tokens.py` checks tokens against `known`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from msgspec.structs import replace

from manent.core.conversation_log import Revocation
from manent.core.errors import ManentError
from manent.runtime.identity.tokens import Revoked
from manent.runtime.ports.store import ConversationStore

log = logging.getLogger("manent.revocations")

POLL_INTERVAL_S = 1.0

MAX_CLOCK_SKEW_S = 60.0
"""The clocks of two servers may differ by this time. No revocation is missed then."""


class Revocations:
    """The revocations that this process knows.

    Attributes:
        known: the revocations against which tokens are checked.
        listeners: called after revocations were added. They close sockets whose tokens are no longer valid.
    """

    def __init__(self, store: ConversationStore) -> None:
        self.store = store
        self.known = Revoked()
        self.listeners: list[Callable[[], None]] = []
        self._newest = 0.0
        self._seen: set[Revocation] = set()
        self._watch: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def open(self) -> None:
        """Read all revocations, then poll for new ones. The store must be open.

        Raises:
            StoreError: the revocations could not be read. The server must not start without them.
        """
        await self._poll()
        self._watch = asyncio.create_task(self._poll_forever())

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. When this method returns, this process no longer accepts the revoked tokens.

        Raises:
            StoreError: the revocation was not stored and has no effect.
        """
        made = replace(revocation, made=time.time())
        await self.store.revoke(made)
        self._note([made])

    def poll_soon(self) -> None:
        """Poll now, because another server may have revoked tokens."""
        self._wake.set()

    async def _poll(self) -> None:
        found = await self.store.revocations(since=self._newest - MAX_CLOCK_SKEW_S)
        self._note([one for one in found if one not in self._seen])
        self._seen = set(found)

    def _note(self, found: list[Revocation]) -> None:
        for one in found:
            self.known.note(one)
            self._newest = max(
                self._newest, min(one.made, time.time())
            )  # a server whose clock is ahead must not hide later revocations
        if found:
            for listener in self.listeners:
                listener()

    async def _poll_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_INTERVAL_S)
            self._wake.clear()
            try:
                await self._poll()
            except ManentError as error:
                log.warning("could not read revocations", extra={"code": error.code, "error": error.message})
