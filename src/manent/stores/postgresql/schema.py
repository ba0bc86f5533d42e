"""The tables in a PostgreSQL database: made when there are none, checked otherwise.

Servers that start together on a new database take turns (an advisory lock). Alembic is imported only to make or to
upgrade the tables.
"""

import asyncio
from typing import Any, Final

import asyncpg

from manent.core.errors import StoreError
from manent.stores.sqlite.schema import REVISION

SCHEMA: Final = "manent"
"""The schema that our tables are in, beside whatever else is in the database."""

_LOCK: Final = 0x4D414E454E54  # any number that others are unlikely to lock
_TIMEOUT_S: Final = 10.0


async def prepare_database(dsn: str, schema: str) -> None:
    """Make the tables in a new database, or check that they are of this version.

    Raises:
        StoreError: `store_schema_old`, `store_schema_new`.
        asyncpg.PostgresError, OSError: the database cannot be used.
    """
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S)
    try:
        revision = await _revision(connection, schema)
        if revision is None:
            revision = await upgrade_postgresql(dsn, schema=schema)
    finally:
        await connection.close()
    if revision < REVISION:
        raise StoreError("store_schema_old", f"schema {revision} found, {REVISION} needed: `manent db upgrade`")
    if revision > REVISION:
        raise StoreError("store_schema_new", f"schema {revision} found; this version knows {REVISION} and older")


async def upgrade_postgresql(dsn: str, *, schema: str = SCHEMA) -> str:
    """Bring the tables to the newest schema, making them when there are none; return the revision then."""
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        return await _run_migrations(dsn, schema)
    finally:
        await connection.close()


async def _run_migrations(dsn: str, schema: str) -> str:
    from sqlalchemy import NullPool
    from sqlalchemy.ext.asyncio import create_async_engine

    from manent.stores.migrations import upgrade_on

    async def connect() -> Any:
        return await asyncpg.connect(dsn, timeout=_TIMEOUT_S, server_settings={"search_path": schema})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with asyncio.timeout(600), engine.begin() as connection:
            return await connection.run_sync(upgrade_on)
    finally:
        await engine.dispose()


async def _revision(connection: Any, schema: str) -> str | None:
    """Return the revision of the tables, None when there are none."""
    table = f'"{schema}".alembic_version'
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return None
    revision: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")
    return revision
