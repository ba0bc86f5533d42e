"""`manent db upgrade|backup|copy`: upgrade, back up or move the database with the conversations."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.project_store import read_project_endpoints
from manent.cli.shared_options import Endpoints
from manent.core.errors import StoreError
from manent.runtime.database_url import postgresql_dsn
from manent.stores.opening import postgresql_options, sqlite_path

Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]", help="Output file. Default: a file in the same folder, with the time in its name."
    ),
]

Source = Annotated[
    Path | None, typer.Option("--from", metavar="FILE", help="SQLite file. Default: the file that the project uses.")
]
TargetUrl = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="URL", help="URL of the database (postgresql://…). Default: the database in endpoints.yml."
    ),
]


def db_upgrade(
    *,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Do not keep a copy of the old file.")] = False,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="Fail if servers of the previous version cannot continue.")
    ] = False,
    endpoints: Endpoints = None,
) -> None:
    """Upgrade the store to the schema of this version, and keep a copy of the old SQLite file in the same folder.

    With --rolling, servers of the previous version can continue to run.
    """
    from manent.stores.sqlite.upgrade import upgrade_sqlite

    section = read_project_endpoints(endpoints).tracker_store or {}
    dsn = postgresql_dsn(section)
    if dsn is not None:
        from manent.stores.postgresql.errors import place_of, translated
        from manent.stores.postgresql.schema import upgrade_postgresql

        with translated(where=place_of(dsn)):
            revision = asyncio.run(upgrade_postgresql(dsn, options=postgresql_options(section), additive_only=rolling))
        print(f"The PostgreSQL database has schema {revision}.")
        return
    path = _file(endpoints)
    before, after = upgrade_sqlite(path, backup=not no_backup, additive_only=rolling)
    print(f"{path} has schema {after}" + (" already." if before == after else f" (before: {before or 'no schema'})."))


def db_backup(target: Target = None, *, endpoints: Endpoints = None) -> None:
    """Write a consistent copy of the store, even while servers use the store."""
    from manent.stores.sqlite.backup import backup_sqlite

    path = _file(endpoints)
    target = target or path.with_name(f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
    size = backup_sqlite(path, target)
    print(f"Copied {path} to {target} ({size:,} bytes).")


def db_copy(*, source: Source = None, target: TargetUrl = None, endpoints: Endpoints = None) -> None:
    """Copy all conversations from a SQLite file to an empty PostgreSQL database, and then compare both.

    Stop the servers first. If the command is interrupted, run it again to continue.
    """
    section = read_project_endpoints(endpoints).tracker_store or {}
    dsn = postgresql_dsn({"type": "SQL", "url": target}) if target is not None else postgresql_dsn(section)
    if dsn is None:
        raise typer.BadParameter(
            "no PostgreSQL database is specified: use --to with its URL, or a tracker_store in endpoints.yml"
        )
    if source is None and postgresql_dsn(section) is not None:
        raise typer.BadParameter(
            "no SQLite file is specified: use --from, because endpoints.yml already specifies PostgreSQL"
        )
    try:
        from manent.stores.database_copy import copy_database
    except ModuleNotFoundError as error:
        raise StoreError(
            "store_unsupported", f"this command requires the module {error.name}: pip install 'manent[postgresql]'"
        ) from error
    path = source or _file(endpoints)
    options = postgresql_options(section if target is None else {"type": "SQL", "url": target})
    report = asyncio.run(copy_database(path, dsn, options=options, progress=_show))
    rows = report.rows
    print(f"Copied {path}: {report.copied:,} conversations in this run. Source and target both contain:")
    for table, count in rows.items():
        print(f"  {table}: {count:,}")


def _show(step: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{step} {done:,} of {of:,}", end="\n" if done == of else "", file=sys.stderr, flush=True)


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
