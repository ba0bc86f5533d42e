"""Creates, checks and upgrades the tables in a PostgreSQL database.

If several servers start with a new database at the same time, an advisory lock serializes them.
"""

from typing import Any, Final

import asyncpg

from manent.core.errors import StoreError
from manent.stores.postgresql.connection import CLOSE_TIMEOUT_S, UPGRADE_TIMEOUT_S, connect, has_pooler
from manent.stores.postgresql.options import DEFAULTS, PostgresqlOptions
from manent.stores.schema.steps import Recorded, check_schema, missing_steps, newest_schema

UNFINISHED_COPY: Final = "unfinished_copy"
"""Name of the row of `meta` that `manent db copy` keeps until the copy is complete.

The value of the row names the source.
"""

SCHEMA: Final = "manent"
"""Name of the PostgreSQL schema that contains Manent's tables. The database can contain other schemas, too."""

LOCK_TIMEOUT_S: Final = 3.0
"""Maximum seconds that an upgrade waits for a lock. The turns of running servers wait behind it for the same time."""

_LOCK: Final = 0x4D414E454E54  # `MANENT` as a number, a lock id that other programs are unlikely to use


async def prepare_database(dsn: str, schema: str, options: PostgresqlOptions = DEFAULTS) -> bool:
    """Create the tables in a new database, or check that this version can use the existing tables.

    Returns:
        Whether a pooler is between this process and PostgreSQL.

    Raises:
        StoreError: `store_schema_old`, `store_schema_new`, `store_copy_unfinished`.
        asyncpg.PostgresError, OSError: the database is not available.
    """
    connection = await connect(dsn, options, prepare=False)
    try:
        behind_pooler = await has_pooler(connection) if options.pgbouncer is None else options.pgbouncer
        async with connection.transaction():
            recorded = await _recorded_schema(connection, schema)
            unfinished = recorded is not None and await _unfinished_copy(connection, schema)
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    if unfinished:
        raise StoreError(
            "store_copy_unfinished",
            f"the PostgreSQL schema {schema!r} holds an unfinished copy of {unfinished}: run `manent db copy` again",
        )
    if recorded is None:
        await upgrade_postgresql(dsn, schema=schema, options=options)
    else:
        check_schema(recorded, "postgresql", where=f"the PostgreSQL schema {schema!r}")
    return behind_pooler


async def upgrade_postgresql(
    dsn: str, *, schema: str = SCHEMA, options: PostgresqlOptions = DEFAULTS, additive_only: bool = False
) -> str:
    """Apply the missing schema steps and return the store's revision. Create the tables in a new database.

    All steps are one transaction. If a step fails, the tables are not changed. Tables with a newer schema that this
    version can use are not changed. With `additive_only`, this fails if servers of the previous schema cannot continue.

    Raises:
        StoreError: `store_schema_new`, `store_schema_stop`. `store_locked`: another transaction, for example a backup,
            uses the tables.
        asyncpg.PostgresError, OSError, TimeoutError: the database is not available.
    """
    connection = await connect(dsn, options, command_timeout=UPGRADE_TIMEOUT_S, prepare=False)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            await connection.execute("SELECT set_config('search_path', $1, true)", schema)
            recorded = await _recorded_schema(connection, schema)
            where = f"the PostgreSQL schema {schema!r}"
            missing = missing_steps(recorded, "postgresql", where=where, additive_only=additive_only)
            if recorded is not None and not missing:
                return recorded.revision
            await connection.execute(f"SET LOCAL lock_timeout = {int(LOCK_TIMEOUT_S * 1000)}")
            for step in missing:
                await connection.execute(step.file.read_text())
            newest = newest_schema("postgresql")
            await connection.execute("DELETE FROM alembic_version")
            await connection.execute("INSERT INTO alembic_version VALUES ($1)", newest.readable_by)
            await connection.execute("DELETE FROM schema_revision")
            await connection.execute("INSERT INTO schema_revision VALUES ($1)", newest.revision)
    except asyncpg.LockNotAvailableError as error:
        raise StoreError(
            "store_locked",
            f"another transaction, for example a backup, has used the tables of the PostgreSQL schema {schema!r} for "
            f"more than {LOCK_TIMEOUT_S:g} s. Nothing was changed; run `manent db upgrade` again after it has ended",
        ) from error
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    return newest.revision


async def _recorded_schema(connection: Any, schema: str) -> Recorded | None:
    """Return the schema that the tables record, or None if they do not exist.

    Tables before schema 0010 record one number.
    """
    tables = [f'"{schema}".alembic_version', f'"{schema}".schema_revision']
    if await connection.fetchval("SELECT to_regclass($1)", tables[0]) is None:
        return None
    readable_by = await connection.fetchval(f"SELECT version_num FROM {tables[0]}") or "none"
    if await connection.fetchval("SELECT to_regclass($1)", tables[1]) is None:
        return Recorded(readable_by, readable_by)
    return Recorded(await connection.fetchval(f"SELECT revision FROM {tables[1]}") or "none", readable_by)


async def _unfinished_copy(connection: Any, schema: str) -> str | None:
    """Return the source of an unfinished copy, or None if the tables are complete."""
    mark: bytes | None = await connection.fetchval(
        f'SELECT value FROM "{schema}".meta WHERE name = $1', UNFINISHED_COPY
    )
    return None if mark is None else mark.decode()
