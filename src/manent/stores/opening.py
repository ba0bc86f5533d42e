"""Creates the store that `tracker_store` in `endpoints.yml` configures.

`server/app.py` and the commands that read logs call `open_store`. It opens no store. Creating a store reads only the
header of a file, to detect files of other programs.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from manent.core.errors import StoreError
from manent.core.events import Json
from manent.extensions.finding import Site, create, find, in_section
from manent.extensions.options import WrongOption, options_of
from manent.extensions.points import STORES
from manent.runtime.database_url import DATABASE, SqlOptions, kind_of, postgresql_dsn
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import ConversationStore
from manent.stores.memory import MemoryStore
from manent.stores.postgresql.options import DEFAULTS, PostgresqlOptions
from manent.stores.sqlite.file import is_database, is_foreign
from manent.stores.sqlite.store import SqliteStore

DEFAULT_FILE = "conversations.db"
"""Name of the store's file, in the project folder, if `tracker_store` is missing."""

SUPPORTED = "no section (a SQLite file), `type: InMemory`, and `type: SQL` with `dialect: sqlite` or `postgresql`"

_TIMES = ("connect_timeout", "statement_timeout", "network_timeout")

TYPE_KEYS = ("type", "store_type")
"""Keys of the section that name the store. All other keys are options of the store."""

log = logging.getLogger("manent.store")


@dataclass(frozen=True, slots=True)
class StoreSite(Site):
    """Values that the creation of a store needs. Custom stores need only `root`.

    Attributes:
        durability: whether commits survive a power failure (`disk`) or only a crash of the process (`process`).
        process_from: see `SqliteStore`.
        metrics: counts the commits and the failures of a SQL store.
    """

    durability: str = "disk"
    process_from: int | None = None
    metrics: Metrics | None = None


class SqlStoreOptions(SqlOptions, frozen=True, kw_only=True):
    """The options of `type: SQL`. Options that do not select the database have an effect only with PostgreSQL.

    Attributes:
        pool_size: maximum number of connections of one server, excluding the connection for notifications. Default: 10.
        max_overflow: number of connections to add to `pool_size`. Default: 0.
        connect_timeout: seconds to wait for a new connection. Default: 5.
        statement_timeout: maximum seconds for one statement. Default: 10.
        network_timeout: seconds without a network response after which a connection is closed. Default: 5.
        pgbouncer: whether a pooler such as PgBouncer is between the server and PostgreSQL. Default: detected.
    """

    pool_size: int | None = None
    max_overflow: int | None = None
    connect_timeout: float | None = None
    statement_timeout: float | None = None
    network_timeout: float | None = None
    pgbouncer: bool | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            WrongOption: a number is out of range.
        """
        for name, least in (("pool_size", 1), ("max_overflow", 0)):
            count = getattr(self, name)
            if count is not None and count < least:
                raise WrongOption(name, f"a whole number, {least} or more")
        for name in _TIMES:
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds < math.inf:
                raise WrongOption(name, "a number of seconds above 0")


class SqlStore:
    """Creates the store for `type: SQL`."""

    options = SqlStoreOptions

    @classmethod
    def from_options(cls, options: SqlStoreOptions, site: StoreSite) -> ConversationStore:
        """Return an unopened store for the database that the options name."""
        settings = {"type": "SQL", **msgspec.structs.asdict(options)}
        dsn = postgresql_dsn(settings)
        if dsn is not None:
            return _postgresql(dsn, postgresql_options(settings), durability=site.durability, metrics=site.metrics)
        return _sqlite(settings, site)


def open_store(
    tracker_store: Json | None,
    *,
    root: Path,
    durability: str = "disk",
    process_from: int | None = None,
    metrics: Metrics | None = None,
) -> ConversationStore:
    """Create the store that a project configures. The caller must open it.

    Args:
        tracker_store: section of `endpoints.yml`. None if the section is missing.
        root: the project's folder. Relative paths start from this folder.
        durability: `disk` or `process`.
        process_from: number of queued appends at which `SqliteStore` starts a separate process. Other stores ignore it.
        metrics: counts the commits and the failures of a SQL store.

    Raises:
        StoreError: `store_unsupported`; the message lists the supported stores.
        BadExtension: the class that `type` names cannot be imported.
        ProjectError: an option is wrong, or a library is missing.
    """
    settings = tracker_store or {}
    if durability not in ("disk", "process"):
        raise StoreError("store_unsupported", f"unknown durability {durability!r}; expected disk or process")
    site = StoreSite(root, durability, process_from, metrics)
    name = str(settings.get("type") or settings.get("store_type") or "")
    if not name:
        return _sqlite(settings, site)
    found = find(STORES, name)
    if found is None:
        raise _unsupported(settings)
    given = {key: value for key, value in settings.items() if key not in TYPE_KEYS}
    options = options_of(found, "tracker_store", given, file="endpoints.yml")
    with in_section("endpoints.yml", "tracker_store", "endpoints.bad-store"):
        store: ConversationStore = create(name, found, options, site)
    return store


def _sqlite(settings: Json, site: StoreSite) -> ConversationStore:
    path = sqlite_path(settings, root=site.root)
    if path is None:
        return MemoryStore()
    observe = None if site.metrics is None else site.metrics.committed
    return SqliteStore(path, durability=site.durability, process_from=site.process_from, observe=observe)


def postgresql_options(settings: Json) -> PostgresqlOptions:
    """Return the options of a `tracker_store` section.

    `max_overflow` is added to `pool_size`. The libpq options `connect_timeout` (seconds) and `tcp_user_timeout`
    (milliseconds) in `query` or in the URL are also used.
    """
    url = urlsplit(postgresql_dsn(settings) or "")
    query = dict(parse_qsl(url.query))
    if "tcp_user_timeout" in query:
        query["network_timeout"] = str(float(query["tcp_user_timeout"]) / 1000)
    given = {**query, **{name: value for name, value in settings.items() if value is not None}}
    return PostgresqlOptions(
        pool_size=int(given.get("pool_size", DEFAULTS.pool_size)) + int(given.get("max_overflow", 0)),
        pgbouncer=settings.get("pgbouncer"),
        **{name: float(given[name]) for name in _TIMES if name in given},
    )


def _postgresql(dsn: str, options: PostgresqlOptions, *, durability: str, metrics: Metrics | None) -> ConversationStore:
    from manent.stores.postgresql.store import PostgresqlStore

    observe = None if metrics is None else metrics.committed
    return PostgresqlStore(dsn, durability=durability, options=options, observe=observe, metrics=metrics)


def sqlite_path(settings: Json, *, root: Path) -> Path | None:
    """Return the SQLite file that a `tracker_store` section names, or None for the memory store.

    A file that belongs to another program, for example the Rasa tracker store of an unmodified project, is not changed.
    The store then uses another file in the same folder, for example `rasa.manent.db` instead of `rasa.db`.

    Raises:
        StoreError: `store_unsupported`.
    """
    kind = kind_of(settings)
    if kind == "":
        return _beside_foreign(root / DEFAULT_FILE)
    if kind == "inmemory":
        return None
    dialect, database = _dialect_and_database(settings)
    if kind != "sql" or dialect != "sqlite":
        raise _unsupported(settings)
    return None if database in ("", ":memory:") else _beside_foreign(root / database)


def _unsupported(settings: Json) -> StoreError:
    found = f"type {settings.get('type') or settings.get('store_type')!r}"
    if kind_of(settings) == "sql":
        found += f" with dialect {_dialect_and_database(settings)[0]!r}"
    return StoreError(
        "store_unsupported", f"unsupported tracker_store in endpoints.yml: {found}; supported are {SUPPORTED}"
    )


def _dialect_and_database(settings: Json) -> tuple[str, str]:
    url = str(settings.get("url") or "")
    if "://" in url:
        scheme, _, rest = url.partition("://")
        return scheme.partition("+")[0].lower(), rest.partition("?")[0].removeprefix("/")
    return str(settings.get("dialect") or "sqlite").lower(), str(settings.get("db") or DATABASE)


def _beside_foreign(path: Path) -> Path:
    ours = path.with_name(f"{path.stem}.manent{path.suffix or '.db'}")
    if ours.exists():
        return ours
    if not is_foreign(path):
        return path
    if path.name == DEFAULT_FILE and not is_database(path):
        return path  # the file can be a damaged Manent store; opening it reports the damage
    log.warning("%s belongs to another program and is not changed; conversations are stored in %s", path, ours)
    return ours
