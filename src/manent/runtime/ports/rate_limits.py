"""The interface to the rate limits that the servers of one store share. `stores/rate_limits.py` implements it."""

from collections.abc import Mapping
from typing import Final, Protocol

MAX_AHEAD_S: Final = 120.0
"""Maximum time until a bucket is full. Excess above this time is forgotten, so each row expires within this time."""


class SharedRateLimits(Protocol):
    """Adds up what all servers have taken from each bucket.

    A bucket is identified by a digest, because addresses and visitors' names must not be stored.
    """

    async def add(self, spent: Mapping[str, float]) -> dict[str, float]:
        """Take tokens from buckets, and delete some of the buckets that are full.

        Args:
            spent: by digest, the seconds in which the tokens fill up again.

        Returns: By digest, the seconds until the bucket is full, at most `MAX_AHEAD_S`.

        Raises:
            StoreError: the store is not available. The tokens may have been taken.
        """
