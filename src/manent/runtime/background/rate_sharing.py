"""Shares rate limits between the servers of one store.

Once a second, each server reports the tokens that its clients have taken, and receives the totals of all servers for
these clients. No request waits for the store. While the store is not available, each server limits its clients alone.
`server/app.py` opens and closes this task if a limit is shared (`server/edge/limits.py`).
"""

import hashlib
import secrets
import time
from typing import Final

from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.rate_limits import SharedRateLimits
from manent.runtime.ports.store import ConversationStore
from manent.runtime.rate_limits import Rates, Spent

EXCHANGE_S: Final = 1.0
"""Pause in seconds between two exchanges."""

IDLE_S: Final = 60.0
"""Pause in seconds between two exchanges of a server without requests. They only delete expired rows."""

MAX_REPORTED: Final = 1_000
"""Maximum number of keys in one exchange. The others follow in the next exchanges."""

DIGEST_KEY: Final = "rate_limit_secret"
"""Name of the value in the store that keys the digests."""


class RateSharing:
    """Reports the tokens taken on this server, and delays buckets by the tokens taken on other servers.

    Args:
        rates: the rate limits of this server.
        store: contains the secret for the digests of addresses and visitors.
        table: adds up the tokens of all servers.
        metrics: counts failed exchanges.
    """

    def __init__(
        self, rates: Rates, store: ConversationStore, table: SharedRateLimits, *, metrics: Metrics | None = None
    ) -> None:
        self._rates = rates
        self._store = store
        self._table = table
        self._secret: bytes | None = None
        self._idle_until = 0.0
        self._loop = Loop("rate_limits", self._round, metrics=metrics or Metrics())

    async def open(self) -> None:
        """Start the exchanges."""
        self._loop.open()

    async def close(self) -> None:
        """Stop the exchanges. The tokens taken since the last exchange are not reported."""
        await self._loop.close()

    async def exchange(self) -> None:
        """Report tokens once. If this fails, they are not reported again, because the store may have counted them.

        Raises:
            StoreError: the store is not available.
        """
        spent = self._rates.take_unshared(MAX_REPORTED)
        if not spent and time.monotonic() < self._idle_until:
            return
        if self._secret is None:
            self._secret = await self._store.put_meta(DIGEST_KEY, secrets.token_bytes(32))
        reported = {_digest(one, self._secret): one for one in spent}
        started = time.monotonic()
        full_in_s = await self._table.add({digest: one.seconds for digest, one in reported.items()})
        for digest, one in reported.items():
            self._rates.delay(one.kind, one.key, started + full_in_s[digest])
        self._idle_until = started + IDLE_S

    async def _round(self) -> float:
        await self.exchange()
        return EXCHANGE_S


def _digest(one: Spent, secret: bytes) -> str:
    name = f"{one.kind} {one.key}".encode(errors="surrogatepass")
    return hashlib.blake2b(name, key=secret, digest_size=16).hexdigest()
