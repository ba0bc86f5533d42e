"""Checks `tracker_store` in `endpoints.yml`: whether this store is supported, and its options.

Passwords are never shown. `endpoints.py` calls it with the section. `stores/opening.py` creates the store.
"""

from manent.extensions.finding import known_names
from manent.extensions.points import STORES
from manent.project.problems import Spot, did_you_mean, one_of, quoted
from manent.project.settings.options import check_options, find_class

DIALECTS = ("sqlite", "postgresql", "postgres")
RASA_TYPES = ("SQL", "redis", "mongod", "dynamo", "InMemory", "InMemoryTrackerStore", "postgresql", "sqlite")
"""Types that Rasa projects name."""

_SUPPORTED = "`type: InMemory`, `type: SQL` with `dialect: sqlite` or `postgresql`, or no tracker_store (a SQLite file)"


def check_tracker_store(spot: Spot) -> None:
    """Report an unknown or unsupported store, and wrong options."""
    kind = spot.get("type") or spot.get("store_type")
    if kind is None or not kind.value:
        return
    written = str(kind.value)
    found = find_class(STORES, written, kind, "endpoints.bad-store")
    if found is not None:
        check_options(spot, getattr(found, "options", None), "endpoints", besides=("type", "store_type"))
        if written.lower() == "sql":
            _check_dialect(spot)
    elif "." in written:
        return
    elif written.lower() in [name.lower() for name in RASA_TYPES]:
        kind.error("endpoints.store-unsupported", _SUPPORTED)
    else:
        known = tuple(dict.fromkeys((*known_names(STORES), *RASA_TYPES)))
        kind.error("endpoints.type", f"{one_of(known)}, or the path of a class", did_you_mean(written, known))


def _check_dialect(spot: Spot) -> None:
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
