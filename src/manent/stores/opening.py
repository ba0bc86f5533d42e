"""Creates the store that `tracker_store` in `endpoints.yml` configures.

`server/app.py` and the commands that read logs call this. It opens no store. It only reads the header of a file, to
check whether the file belongs to another program.
"""

import logging
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from manent.core.errors import StoreError
from manent.core.events import Json
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import ConversationStore
from manent.stores.memory import MemoryStore
from manent.stores.postgresql.options import DEFAULTS, PostgresqlOptions
from manent.stores.sqlite.file import is_database, is_foreign
from manent.stores.sqlite.store import SqliteStore

DEFAULT_FILE = "conversations.db"
"""Name of the store's file in the folder of a project without `tracker_store`."""

RASA_FILE = "rasa.db"
"""Rasa's default for `db` of a SQL tracker store."""

SUPPORTED = "no section (a SQLite file), `type: InMemory`, and `type: SQL` with `dialect: sqlite` or `postgresql`"

_POSTGRESQL = ("postgresql", "postgres")

log = logging.getLogger("manent.store")


def open_store(
    tracker_store: Json | None,
    *,
    root: Path,
    durability: str = "disk",
    process_from: int | None = None,
    metrics: Metrics | None = None,
) -> ConversationStore:
    """Create the store that a project configures, without opening it.

    Args:
        tracker_store: section of `endpoints.yml`. None: the section is missing.
        root: the project's folder. Relative paths start from it.
        durability: `disk` or `process`.
        process_from: number of queued appends at which `SqliteStore` starts a separate process. Other stores ignore it.
        metrics: counts the commits and the failures of a SQL store.

    Raises:
        StoreError: `store_unsupported`; the message lists the supported stores.
    """
    settings = tracker_store or {}
    if durability not in ("disk", "process"):
        raise StoreError("store_unsupported", f"unknown durability {durability!r}; expected disk or process")
    dsn = postgresql_dsn(settings)
    if dsn is not None:
        return _postgresql(dsn, postgresql_options(settings), durability=durability, metrics=metrics)
    path = sqlite_path(settings, root=root)
    if path is None:
        return MemoryStore()
    observe = None if metrics is None else metrics.committed
    return SqliteStore(path, durability=durability, process_from=process_from, observe=observe)


def postgresql_dsn(settings: Json) -> str | None:
    """Return the libpq URL of the PostgreSQL database that a `tracker_store` section names.

    Return None for another store.

    The keys are those of Rasa. The section contains `dialect: postgresql` with `url` (a host), `port`, `db`,
    `username`, `password` and `query`, or a complete URL as `url`. A driver in the URL (`postgresql+psycopg2`) is
    ignored.
    """
    if _kind(settings) != "sql":
        return None
    url = str(settings.get("url") or "")
    scheme, separator, rest = url.partition("://")
    if separator:
        return f"postgresql://{rest}" if scheme.partition("+")[0] in _POSTGRESQL else None
    if str(settings.get("dialect") or "").partition("+")[0].lower() not in _POSTGRESQL:
        return None
    account = ":".join(quote(str(settings[key]), safe="") for key in ("username", "password") if settings.get(key))
    port = f":{settings['port']}" if settings.get("port") else ""
    place = f"{account}{'@' if account else ''}{url or 'localhost'}{port}"
    database = quote(str(settings.get("db") or RASA_FILE), safe="")
    return urlunsplit(("postgresql", place, database, urlencode(settings.get("query") or {}), ""))


def postgresql_options(settings: Json) -> PostgresqlOptions:
    """Return the options of a `tracker_store` section, whose values `project/settings/tracker_store.py` has checked.

    `max_overflow` is added to `pool_size`. libpq's `connect_timeout` (seconds) and `tcp_user_timeout` (milliseconds) in
    `query` or in the URL count, too.
    """
    url = urlsplit(postgresql_dsn(settings) or "")
    query = dict(parse_qsl(url.query))
    if "tcp_user_timeout" in query:
        query["network_timeout"] = str(float(query["tcp_user_timeout"]) / 1000)
    given = {**query, **settings}
    times = {
        name: float(given[name])
        for name in ("connect_timeout", "statement_timeout", "network_timeout")
        if given.get(name)
    }
    return PostgresqlOptions(
        pool_size=int(given.get("pool_size", DEFAULTS.pool_size)) + int(given.get("max_overflow", 0)),
        pgbouncer=settings.get("pgbouncer"),
        **times,
    )


def _postgresql(dsn: str, options: PostgresqlOptions, *, durability: str, metrics: Metrics | None) -> ConversationStore:
    try:
        from manent.stores.postgresql.store import PostgresqlStore
    except ModuleNotFoundError as error:
        raise StoreError(
            "store_unsupported",
            f"PostgreSQL requires the module {error.name}, which is not installed; run `pip install "
            "'manent[postgresql]'`",
        ) from error
    observe = None if metrics is None else metrics.committed
    return PostgresqlStore(dsn, durability=durability, options=options, observe=observe, metrics=metrics)


def sqlite_path(settings: Json, *, root: Path) -> Path | None:
    """Return the SQLite file that a `tracker_store` section names, or None for the memory store.

    A file of another program is not changed, for example a Rasa tracker store that an unmodified project still names.
    The store then uses another file in the same folder, for example `rasa.manent.db` instead of `rasa.db`.

    Raises:
        StoreError: `store_unsupported`.
    """
    kind = _kind(settings)
    if kind == "":
        return _beside_foreign(root / DEFAULT_FILE)
    if kind == "inmemory":
        return None
    dialect, database = _dialect_and_database(settings)
    if kind != "sql" or dialect != "sqlite":
        found = f"type {settings.get('type') or settings.get('store_type')!r}"
        found += f" with dialect {dialect!r}" if kind == "sql" else ""
        raise StoreError(
            "store_unsupported", f"unsupported tracker_store in endpoints.yml: {found}; supported are {SUPPORTED}"
        )
    return None if database in ("", ":memory:") else _beside_foreign(root / database)


def _kind(settings: Json) -> str:
    return str(settings.get("type") or settings.get("store_type") or "").lower().replace("_", "")


def _dialect_and_database(settings: Json) -> tuple[str, str]:
    url = str(settings.get("url") or "")
    if "://" in url:
        scheme, _, rest = url.partition("://")
        return scheme.partition("+")[0].lower(), rest.partition("?")[0].removeprefix("/")
    return str(settings.get("dialect") or "sqlite").lower(), str(settings.get("db") or RASA_FILE)


def _beside_foreign(path: Path) -> Path:
    ours = path.with_name(f"{path.stem}.manent{path.suffix or '.db'}")
    if ours.exists():
        return ours
    if not is_foreign(path):
        return path
    if path.name == DEFAULT_FILE and not is_database(path):
        return path  # it may be a damaged store of Manent, which opening it reports
    log.warning("%s belongs to another program and is not changed; conversations are stored in %s", path, ours)
    return ours
