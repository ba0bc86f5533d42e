"""Checks `tracker_store` in `endpoints.yml`: whether this store is supported. Passwords are never shown.

`endpoints.py` calls it with the section. `stores/opening.py` interprets the options.
"""

from manent.project.problems import Spot, quoted

DIALECTS = ("sqlite", "postgresql", "postgres")
_SUPPORTED = "`type: InMemory`, `type: SQL` with `dialect: sqlite` or `postgresql`, or no tracker_store (a SQLite file)"


def check_tracker_store(spot: Spot) -> None:
    """Report an unsupported store. An unknown type was already reported."""
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
