"""`manent db upgrade|backup`: upgrade or copy the database with the conversations."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.project_store import read_project_endpoints
from manent.cli.shared_options import Endpoints
from manent.core.errors import StoreError
from manent.stores.opening import postgresql_dsn, sqlite_path

Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]", help="Output file. Default: a file in the same folder, with the time in its name."
    ),
]


def db_upgrade(
    *,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Don't keep a copy of the old file.")] = False,
    endpoints: Endpoints = None,
) -> None:
    """Upgrade the store to the schema of this version. Keep a copy of the old file in the same folder."""
    from manent.stores.sqlite.upgrade import upgrade_sqlite

    dsn = postgresql_dsn(read_project_endpoints(endpoints).tracker_store or {})
    if dsn is not None:
        from manent.stores.postgresql.schema import upgrade_postgresql

        print(f"The PostgreSQL database has schema {asyncio.run(upgrade_postgresql(dsn))}.")
        return
    path = _file(endpoints)
    before, after = upgrade_sqlite(path, backup=not no_backup)
    print(f"{path} has schema {after}" + (" already." if before == after else f" (before: {before or 'no schema'})."))


def db_backup(target: Target = None, *, endpoints: Endpoints = None) -> None:
    """Write a consistent copy of the store while servers use it."""
    from manent.stores.sqlite.backup import backup_sqlite

    path = _file(endpoints)
    target = target or path.with_name(f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
    size = backup_sqlite(path, target)
    print(f"Copied {path} to {target} ({size:,} bytes).")


def _file(endpoints: Path | None) -> Path:
    section = read_project_endpoints(endpoints).tracker_store or {}
    if postgresql_dsn(section) is not None:
        raise StoreError(
            "store_unsupported", "this project keeps its conversations in PostgreSQL; use pg_dump to back them up"
        )
    path = sqlite_path(section, root=Path())
    if path is None:
        raise StoreError(
            "store_in_memory", "this project keeps its conversations in memory, so there is no database file"
        )
    return path
