"""Which store a project asks for: from `tracker_store` in `endpoints.yml` to a `ConversationStore`.

The composition root and the commands that read logs call this. It decides and constructs; it opens nothing, apart from
a look at whether a file belongs to another program.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from manent.core.errors import StoreError
from manent.core.events import Json
from manent.runtime.ports import ConversationStore
from manent.stores.memory import MemoryStore
from manent.stores.sqlite import SqliteStore
from manent.stores.sqlite_schema import is_foreign

DEFAULT_FILE = "conversations.db"
"""Where a project that says nothing keeps its conversations, beside its `domain.yml`."""

RASA_FILE = "rasa.db"
"""Rasa's default for `db` of a SQL tracker store."""

SUPPORTED = "nothing (a SQLite file), `type: InMemory`, and `type: SQL` with `dialect: sqlite`"

log = logging.getLogger("manent.store")


def open_store(
    tracker_store: Json | None,
    *,
    root: Path,
    durability: str = "disk",
    observe: Callable[[int, float], None] | None = None,
) -> ConversationStore:
    """Return the store that a project asks for, not yet opened.

    Args:
        tracker_store: the section of `endpoints.yml`; None when there is none.
        root: the project's folder, which relative paths start from.
        durability: `disk` or `process`.
        observe: told of each commit of a SQLite store: pieces of work in it, seconds it took.

    Raises:
        StoreError: `store_unsupported`; the message names what is supported.
    """
    settings = tracker_store or {}
    if durability not in ("disk", "process"):
        raise StoreError("store_unsupported", f"durability {durability!r}: expected disk or process")
    path = sqlite_path(settings, root=root)
    if path is None:
        return MemoryStore()
    return SqliteStore(path, durability=durability, observe=observe)


def sqlite_path(settings: Json, *, root: Path) -> Path | None:
    """Return the SQLite file that a `tracker_store` section means, None when it means memory.

    A file that belongs to another program (a Rasa tracker store, which an unmodified project still names) is left as it
    is: ours is then beside it, `rasa.manent.db` for `rasa.db`.

    Raises:
        StoreError: `store_unsupported`.
    """
    kind = str(settings.get("type") or settings.get("store_type") or "").lower().replace("_", "")
    if kind == "":
        return root / DEFAULT_FILE
    if kind == "inmemory":
        return None
    dialect, database = _dialect_and_database(settings)
    if kind != "sql" or dialect != "sqlite":
        found = f"type {settings.get('type') or settings.get('store_type')!r}"
        found += f" with dialect {dialect!r}" if kind == "sql" else ""
        raise StoreError("store_unsupported", f"tracker_store in endpoints.yml: {found}; supported are {SUPPORTED}")
    return None if database in ("", ":memory:") else _beside_foreign(root / database)


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
    log.warning("%s belongs to another program and stays as it is; conversations are kept in %s", path, ours)
    return ours
