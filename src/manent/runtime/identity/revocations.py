"""Keeps what is known of revoked tokens up to date: this process's revocations at once, other servers' by polling.

The composition root opens and closes it; `/admin/revoke` writes through it; `tokens.py` asks its `known`.
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

LOOK_EVERY_S = 1.0

CLOCKS_APART_S = 60.0
"""How far the servers' clocks may be apart without a revocation being overlooked."""


class Revocations:
    """See the module.

    Attributes:
        known: what tokens are checked against.
        listeners: called after new ones became known; they end what is open.
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
        """Learn of all that were ever made, then watch for others. The store is open.

        Raises:
            StoreError: they could not be read; nobody may be let in without.
        """
        await self._look()
        self._watch = asyncio.create_task(self._look_forever())

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def revoke(self, revocation: Revocation) -> None:
        """Keep a revocation; on return it is stored, and nothing it is about counts in this process any more.

        Raises:
            StoreError: it was not stored, and does not hold.
        """
        made = replace(revocation, made=time.time())
        await self.store.revoke(made)
        self._note([made])

    def look_soon(self) -> None:
        """Other servers may have made some."""
        self._wake.set()

    async def _look(self) -> None:
        found = await self.store.revocations(since=self._newest - CLOCKS_APART_S)
        self._note([one for one in found if one not in self._seen])
        self._seen = set(found)

    def _note(self, found: list[Revocation]) -> None:
        for one in found:
            self.known.note(one)
            self._newest = max(self._newest, min(one.made, time.time()))  # a clock that is ahead hides nobody's
        if found:
            for tell in self.listeners:
                tell()

    async def _look_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_S)
            self._wake.clear()
            try:
                await self._look()
            except ManentError as error:
                log.warning("could not look for revocations", extra={"code": error.code, "error": error.message})
