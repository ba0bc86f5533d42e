"""Implements the table `rate_limits` for all stores: when the bucket of each address or visitor is full again.

The table is used only through one operation (`operation.py`). It measures time with the database's clock, because the
clocks of the servers can differ.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from manent.runtime.ports.rate_limits import MAX_AHEAD_S
from manent.stores.operation import Operation, OperationStore, runs_operations
from manent.stores.schema.steps import Database

MAX_DELETED: Final = 2_000
"""Maximum number of expired rows that one operation deletes."""

_CLOCK: Final[dict[Database, str]] = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::float8",
}
_SKIP_LOCKED: Final[dict[Database, str]] = {"sqlite": "", "postgresql": "FOR UPDATE SKIP LOCKED"}
"""The deletion of expired rows never waits for another transaction, so it cannot be part of a deadlock."""

_ADD: Final = """
    INSERT INTO rate_limits (digest, full_at)
    SELECT spent.key, $2 + CAST(CAST(spent.value AS TEXT) AS DOUBLE PRECISION) FROM json_each($1) AS spent
    WHERE true ORDER BY spent.key
    ON CONFLICT (digest) DO UPDATE SET full_at = CASE
        WHEN rate_limits.full_at <= $2 THEN excluded.full_at
        WHEN rate_limits.full_at + excluded.full_at - $2 > $3 THEN $3
        ELSE rate_limits.full_at + excluded.full_at - $2
    END
    RETURNING digest, full_at
"""
"""`$1` is a JSON object with the seconds of each digest, `$2` the time now, `$3` the latest time of a row. All servers
lock the rows in the same order. SQLite needs `WHERE true` to parse the statement."""


def open_rate_limits(store: Any) -> "RateLimitTable | None":
    """Return the table of a store, or None if the store is of another package and has no such table."""
    return RateLimitTable(store) if runs_operations(store) else None


def add(spent: Mapping[str, float], database: Database) -> Operation[dict[str, float]]:
    """See `SharedRateLimits.add`."""
    now = float((yield (_CLOCK[database], ()))[0][0])
    full_in_s: dict[str, float] = {}
    if spent:
        seconds = {digest: min(one, MAX_AHEAD_S) for digest, one in spent.items()}
        found = yield (_ADD, (msgspec.json.encode(seconds).decode(), now, now + MAX_AHEAD_S))
        full_in_s = {digest: full_at - now for digest, full_at in found}
    yield (
        (
            "DELETE FROM rate_limits WHERE digest IN "
            f"(SELECT digest FROM rate_limits WHERE full_at <= $1 LIMIT $2 {_SKIP_LOCKED[database]})"
        ),
        (now, MAX_DELETED),
    )
    return full_in_s


class RateLimitTable:
    """Implements `SharedRateLimits`. The store must be open when a method is called."""

    def __init__(self, store: OperationStore) -> None:
        self._store = store

    async def add(self, spent: Mapping[str, float]) -> dict[str, float]:
        """See `SharedRateLimits.add`."""
        return await self._store.run_operation(add(spent, self._store.database))
