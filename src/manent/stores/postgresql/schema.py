"""Creates, checks and upgrades the tables in a PostgreSQL database.

If several servers start with a new database at the same time, an advisory lock serializes them.
"""

from typing import Any, Final

from manent.core.errors import StoreError
from manent.stores.postgresql.connection import CLOSE_TIMEOUT_S, UPGRADE_TIMEOUT_S, connect, has_pooler
from manent.stores.postgresql.options import DEFAULTS, PostgresqlOptions
from manent.stores.schema.steps import check_revision, missing_steps, newest_revision

UNFINISHED_COPY: Final = "unfinished_copy"
"""Name of the row of `meta` that `manent db copy` keeps until the copy is complete.

The value of the row names the source.
"""

SCHEMA: Final = "manent"
"""Name of the PostgreSQL schema that contains Manent's tables. The database can contain other schemas, too."""

_LOCK: Final = 0x4D414E454E54  # `MANENT` as a number, a lock id that other programs are unlikely to use


async def prepare_database(dsn: str, schema: str, options: PostgresqlOptions = DEFAULTS) -> bool:
    """Create the tables in a new database, or check that they have this version's schema.

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
            revision = await _revision(connection, schema)
            unfinished = revision is not None and await _unfinished_copy(connection, schema)
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    if unfinished:
        raise StoreError(
            "store_copy_unfinished",
            f"the PostgreSQL schema {schema!r} holds an unfinished copy of {unfinished}: run `manent db copy` again",
        )
    if revision is None:
        revision = await upgrade_postgresql(dsn, schema=schema, options=options)
    check_revision(revision, "postgresql", where=f"the PostgreSQL schema {schema!r}")
    return behind_pooler


async def upgrade_postgresql(dsn: str, *, schema: str = SCHEMA, options: PostgresqlOptions = DEFAULTS) -> str:
    """Apply the missing schema steps and return the revision. Create the tables in a new database.

    All steps are one transaction. If a step fails, the tables are not changed.

    Raises:
        StoreError: `store_schema_new`.
        asyncpg.PostgresError, OSError, TimeoutError: the database is not available.
    """
    connection = await connect(dsn, options, command_timeout=UPGRADE_TIMEOUT_S, prepare=False)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            await connection.execute("SELECT set_config('search_path', $1, true)", schema)
            revision = await _revision(connection, schema)
            for step in missing_steps(revision, "postgresql", where=f"the PostgreSQL schema {schema!r}"):
                await connection.execute(step.file.read_text())
                await connection.execute("DELETE FROM alembic_version")
                await connection.execute("INSERT INTO alembic_version VALUES ($1)", step.revision)
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    return newest_revision("postgresql")


async def _revision(connection: Any, schema: str) -> str | None:
    """Return the number of the newest applied schema step, or None if the tables do not exist."""
    table = f'"{schema}".alembic_version'
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return None
    revision: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")
    return revision


async def _unfinished_copy(connection: Any, schema: str) -> str | None:
    """Return the source of an unfinished copy, or None if the tables are complete."""
    mark: bytes | None = await connection.fetchval(
        f'SELECT value FROM "{schema}".meta WHERE name = $1', UNFINISHED_COPY
    )
    return None if mark is None else mark.decode()
