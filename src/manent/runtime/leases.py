"""Manages the leases of this server: their duration, their clock, and the expiry of other servers' leases.

A server has a lease on each turn that it has begun but not finished. The server renews all its leases with one
statement. The store's clock determines when a lease ends, so all servers agree even if their own clocks differ.
`Engine` owns one `Leases`.
"""

import logging
import time
from typing import Final

from manent.core.conversation_log import Lease
from manent.core.errors import StoreError
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import ConversationStore
from manent.runtime.server_name import is_dead, own_name

log = logging.getLogger("manent.leases")

LEASE_S: Final = 6.0
"""Default duration.

With the intervals of renewals and of the search in `registry.py`, a turn is taken over 4 to 7 s after a crash.
"""

RENEWALS_PER_LEASE: Final = 3

MAX_CLOCK_DIFFERENCE_S: Final = 2.0
"""Difference in seconds between this server's clock and the store's clock from which a warning is logged."""


class Leases:
    """Renews the leases of this server, and determines which leases of other servers have ended.

    Open it after the store and close it before the store.

    Args:
        store: has the leases.
        metrics: counts failed renewals.
        duration_s: seconds after which a lease expires unless it is renewed.

    Attributes:
        owner: name of this process in leases, see `server_name.py`.
    """

    def __init__(self, store: ConversationStore, *, metrics: Metrics, duration_s: float = LEASE_S) -> None:
        self.owner = str(own_name())
        self.duration_s = duration_s
        self._store = store
        self._loop = Loop("leases", self._renew, metrics=metrics, max_retry_s=min(1.0, duration_s / 6))
        self._ahead_s = time.time() - time.monotonic()
        self._renewed_at: float | None = None
        self._lenient_until = 0.0
        self._has_warned = False

    async def open(self) -> None:
        """Read the store's clock and start to renew.

        Raises:
            StoreError: the store is not available.
        """
        await self._renew()
        self._loop.open()

    async def close(self) -> None:
        """Stop renewing, and release the remaining leases of this server."""
        await self._loop.close()
        if self._renewed_at is not None:
            await self.release()

    async def release(self) -> None:
        """Release the leases of all unfinished turns, so that another server can finish them immediately.

        If the store is not available, log the failure and let the leases expire.
        """
        try:
            await self._store.release_leases(self.owner)
        except StoreError as error:
            log.warning(
                "could not release unfinished turns; other servers wait until the leases expire",
                extra={"code": error.code, "error": error.message},
            )

    def now(self) -> float:
        """Return the time by the store's clock, in seconds since the epoch."""
        return time.monotonic() + self._ahead_s

    def new(self) -> Lease:
        """Return this server's lease for a turn that begins now."""
        return Lease(owner=self.owner, until=self.now() + self.duration_s)

    def expired_by(self) -> float:
        """Return the time before which a lease must end to count as expired.

        If this server could not renew its leases in time, the store was probably unavailable to all servers. In this
        case, the other servers get additional time to renew their leases.
        """
        return self.now() if time.monotonic() >= self._lenient_until else float("-inf")

    def may_take_over(self, lease: Lease) -> bool:
        """Return whether a turn with this lease can be taken over: the lease expired, or its process has ended."""
        return lease.until <= self.expired_by() or is_dead(lease.owner)

    async def _renew(self) -> float:
        """Renew the leases and synchronize the clock. Return the pause until the next renewal in seconds."""
        began = time.monotonic()
        now = await self._store.renew_leases(self.owner, for_s=self.duration_s)
        ended = time.monotonic()
        self._ahead_s = now - (began + ended) / 2
        if self._renewed_at is not None and ended - self._renewed_at >= self.duration_s:
            self._lenient_until = ended + self.duration_s
        self._renewed_at = began
        self._check_clock()
        return self.duration_s / RENEWALS_PER_LEASE

    def _check_clock(self) -> None:
        difference_s = time.time() - self.now()
        if abs(difference_s) > MAX_CLOCK_DIFFERENCE_S and not self._has_warned:
            self._has_warned = True
            log.warning(
                "this server's clock differs from the database's clock by %.0f s. Leases and reminders use the"
                " database's clock, but the times of events use this server's clock. Synchronize the clocks (NTP)",
                difference_s,
            )
