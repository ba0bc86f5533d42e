"""Checks `tracker_store` in `endpoints.yml`: whether this store is supported. Passwords are never shown.

`endpoints.py` calls it with the section. `stores/opening.py` interprets the options.
"""

import math

from manent.project.problems import Spot, quoted

DIALECTS = ("sqlite", "postgresql", "postgres")
COUNTS = {"pool_size": 1, "max_overflow": 0}
"""Options of PostgreSQL that are whole numbers, and their minimum."""

TIMES = ("connect_timeout", "statement_timeout", "network_timeout")
"""Options of PostgreSQL that are a number of seconds above 0."""

_SUPPORTED = "`type: InMemory`, `type: SQL` with `dialect: sqlite` or `postgresql`, or no tracker_store (a SQLite file)"


def check_tracker_store(spot: Spot) -> None:
    """Report an unsupported store and options out of range. An unknown type was already reported."""
    _check_options(spot)
    kind = spot.get("type") or spot.get("store_type")
    written = str(kind.value or "").lower().replace("_", "") if kind is not None else ""
    if written in ("", "inmemory"):
        return
    if written != "sql":
        (kind or spot).error("endpoints.store-unsupported", _SUPPORTED)
        return
    url, dialect = spot.get("url"), spot.get("dialect")
    scheme, separator, _ = str(url.value or "").partition("://") if url is not None else ("", "", "")
    place, name = (url, scheme) if separator else (dialect, str(dialect.value or "sqlite") if dialect else "sqlite")
    if place is not None and name.partition("+")[0].lower() not in DIALECTS:
        place.error(
            "endpoints.store-unsupported",
            _SUPPORTED,
            "`manent import-rasa` copies the conversations of another tracker store",
            found=f"an SQL database with the dialect {quoted(name)}",
        )


def _check_options(spot: Spot) -> None:
    for name, minimum in COUNTS.items():
        count = spot.get(name)
        if count is not None and not (str(count.value).isdigit() and int(str(count.value)) >= minimum):
            count.error("endpoints.pool-size", f"a whole number, {minimum} or more")
    for name in TIMES:
        seconds = spot.get(name)
        if seconds is not None and not _is_positive(seconds.value):
            seconds.error("endpoints.timeout", "a number of seconds above 0")
    pooler = spot.get("pgbouncer")
    if pooler is not None:
        pooler.flag()


def _is_positive(value: object) -> bool:
    """Return whether a value is a finite number above 0. An environment variable makes it a text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        return 0 < float(value) < math.inf
    except ValueError:
        return False
