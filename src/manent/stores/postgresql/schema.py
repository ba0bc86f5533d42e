"""Creates, checks and upgrades the tables in a PostgreSQL database.

If servers start at the same time on a new database, an advisory lock makes them do this one after another.
"""

import asyncio
from typing import Any, Final

import asyncpg

from manent.stores.schema.steps import check_revision, missing_steps, newest_revision

SCHEMA: Final = "manent"
"""Name of the PostgreSQL schema that contains Manent's tables. The database may contain other tables, too."""

_LOCK: Final = 0x4D414E454E54  # `MANENT` as a number, a lock id that other programs are unlikely to use
_TIMEOUT_S: Final = 10.0
_UPGRADE_TIMEOUT_S: Final = 600.0


async def prepare_database(dsn: str, schema: str) -> None:
    """Create the tables in a new database, or check that they have this version's schema.

    Raises:
        StoreError: `store_schema_old`, `store_schema_new`.
        asyncpg.PostgresError, OSError: the database is not available.
    """
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S)
    try:
        revision = await _revision(connection, schema)
    finally:
        await connection.close()
    if revision is None:
        revision = await upgrade_postgresql(dsn, schema=schema)
    check_revision(revision, "postgresql", where=f"the PostgreSQL schema {schema!r}")


async def upgrade_postgresql(dsn: str, *, schema: str = SCHEMA) -> str:
    """Apply the missing schema steps and return the revision. Create the tables in a new database.

    All steps are one transaction: if one fails, the tables are not changed.

    Raises:
        StoreError: `store_schema_new`.
        asyncpg.PostgresError, OSError, TimeoutError: the database is not available.
    """
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S)
    try:
        async with asyncio.timeout(_UPGRADE_TIMEOUT_S), connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            await connection.execute("SELECT set_config('search_path', $1, true)", schema)
            revision = await _revision(connection, schema)
            for step in missing_steps(revision, "postgresql", where=f"the PostgreSQL schema {schema!r}"):
                await connection.execute(step.file.read_text())
                await connection.execute("DELETE FROM alembic_version")
                await connection.execute("INSERT INTO alembic_version VALUES ($1)", step.revision)
    finally:
        await connection.close()
    return newest_revision("postgresql")


async def _revision(connection: Any, schema: str) -> str | None:
    """Return the number of the newest applied schema step, or None if the tables do not exist."""
    table = f'"{schema}".alembic_version'
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return None
    revision: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")
    return revision
