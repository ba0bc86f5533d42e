"""Bringing a store's schema up to this version, with Alembic. For `manent db upgrade`; never on the start path.

The server itself only checks the revision and says which command to run. The migrations are in `revisions/`.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from manent.core.errors import StoreError
from manent.stores.sqlite.backup import backup_sqlite
from manent.stores.sqlite.schema import APPLICATION_ID, BUSY_TIMEOUT_S, is_foreign

_REVISIONS = Path(__file__).parent / "revisions"


def upgrade_sqlite(path: Path, *, backup: bool = True) -> tuple[str | None, str]:
    """Bring a SQLite store to the newest schema; make it when the file does not exist.

    Args:
        path: the database file.
        backup: keep a copy of an existing file beside it (`<name>.<old revision>.bak`) before anything is changed.

    Returns:
        The revision before (None: there was no store) and after.

    Raises:
        StoreError: `store_foreign_file`, `store_full`; or another that backing up raises.
    """
    if is_foreign(path):
        raise StoreError("store_foreign_file", f"{path} is another program's database and was left alone")
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_TIMEOUT_S}, poolclass=sa.NullPool
    )
    try:
        with engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
        if before is not None and backup and before != newest_revision():
            backup_sqlite(path, path.with_name(f"{path.name}.{before}.bak"))
        with closing(sqlite3.connect(path)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
            plain.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        return before, upgrade(engine)
    finally:
        engine.dispose()


def upgrade(engine: sa.Engine) -> str:
    """Run the migrations that are missing; return the revision that the database is at then."""
    with engine.begin() as connection:
        return upgrade_on(connection)


def upgrade_on(connection: sa.Connection) -> str:
    """Run the migrations that are missing within the connection's transaction; return the revision then."""
    config = Config()
    config.set_main_option("script_location", str(_REVISIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return MigrationContext.configure(connection).get_current_revision() or ""


def newest_revision() -> str:
    """Return the revision that the migrations lead to."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_REVISIONS)).get_current_head() or ""
