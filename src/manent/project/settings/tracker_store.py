"""Checks `tracker_store` in `endpoints.yml`: whether this store is supported, and its options.

Passwords are never shown. `endpoints.py` calls it with the section. `stores/opening.py` creates the store.
"""

from manent.extensions.finding import BadExtension, find, known_names
from manent.extensions.points import STORES
from manent.project.problems import Spot, did_you_mean, one_of, quoted
from manent.project.settings.options import check_options, find_class

DIALECTS = ("sqlite", "postgresql", "postgres")
RASA_TYPES = ("mongod", "redis", "dynamo", "mysql", "oracle", "mssql")
"""Types of stores that Rasa supports but Manent does not."""

REPLACEMENT = "conversations.db"
"""The SQLite file that replaces an unsupported store."""

_SUPPORTED = "`type: InMemory`, `type: SQL` with `dialect: sqlite` or `postgresql`, or no tracker_store (a SQLite file)"
_COMMANDS = {
    "mongod": "`manent import-rasa --url mongodb://HOST/DATABASE` copies the earlier conversations",
    "redis": "`manent import-rasa --url redis://HOST:6379/0` copies the earlier conversations",
    "sql": "`manent import-rasa --url DIALECT+DRIVER://USER:PASSWORD@HOST/DATABASE` copies the earlier conversations",
}
_OTHERWISE = "Export the earlier conversations with `rasa export` to an SQL database, which `manent import-rasa` reads"
_CHOICE = "For PostgreSQL, write `type: SQL`, `dialect: postgresql`, `url:`, `db:`, `username:` and `password:`"


def check_tracker_store(spot: Spot) -> str | None:
    """Report an unknown store, and wrong options.

    Returns:
        The type of a store that only Rasa supports. A warning is added that the server uses `REPLACEMENT` instead.
        None: the store is supported, or an error is reported.
    """
    kind = spot.get("type") or spot.get("store_type")
    if kind is None or not kind.value:
        return None
    written = str(kind.value)
    if written.lower() in RASA_TYPES:
        return _warn(
            kind,
            written,
            _COMMANDS.get(written.lower(), _OTHERWISE if written.lower() == "dynamo" else _COMMANDS["sql"]),
        )
    if "." in written and _is_for_rasa(written):
        return _warn(kind, written, _OTHERWISE)
    found = find_class(STORES, written, kind, "endpoints.bad-store")
    if found is not None:
        if written.lower() == "sql" and (unsupported := _unsupported_dialect(spot)) is not None:
            place, name = unsupported
            return _warn(place, name, _COMMANDS["sql"], found=f"an SQL database with the dialect {quoted(name)}")
        check_options(spot, getattr(found, "options", None), "endpoints", besides=("type", "store_type"))
    elif "." not in written:
        known = tuple(dict.fromkeys((*known_names(STORES), *RASA_TYPES)))
        kind.error("endpoints.type", f"{one_of(known)}, or the path of a class", did_you_mean(written, known))
    return None


def _is_for_rasa(path: str) -> bool:
    try:
        find(STORES, path)
    except BadExtension as error:
        return error.is_for_rasa
    return False


def _warn(spot: Spot, name: str, command: str, *, found: str | None = None) -> str:
    spot.warn(
        "endpoints.store-unsupported",
        f"{_SUPPORTED}. Conversations are stored in {REPLACEMENT} instead",
        f"{command}. {_CHOICE}",
        found=found,
    )
    return name


def _unsupported_dialect(spot: Spot) -> tuple[Spot, str] | None:
    """Return the position and the name of an unsupported SQL dialect. None: the dialect is supported."""
    url, dialect = spot.get("url"), spot.get("dialect")
    scheme, separator, _ = str(url.value or "").partition("://") if url is not None else ("", "", "")
    place, name = (url, scheme) if separator else (dialect, str(dialect.value or "sqlite") if dialect else "sqlite")
    if place is None or name.partition("+")[0].lower() in DIALECTS:
        return None
    return place, name
