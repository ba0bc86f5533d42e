"""The stores under test. Each can be closed and opened again with the same data."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from manent.stores.memory import MemoryStore
from manent.stores.postgresql.store import PostgresqlStore
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import MakeStore
from support.postgres import Cluster, programs, running

TABLES = (
    "conversations, events, accepted, snapshots, reminders, meta, published, servers, model_parts, "
    "inbox, routes, undelivered, files, desk_members, desk_invitations, desk_sessions, desk_audit, desk_conversations, "
    "desk_labels, desk_reads, desk_texts, desk_review, desk_annotations, desk_numbers, desk_visits, desk_feed, "
    "desk_presence, desk_canned, desk_webhooks, desk_bridges, desk_links, rate_limits"
)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for all tests of the session."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(bin_folder) as found:
        yield found


RESTART = """
SELECT setval(oid::regclass, 1, false) FROM pg_class
WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace
"""


async def empty_database(dsn: str) -> None:
    """Delete all rows of the tables, and restart the sequences. For small tables, TRUNCATE takes longer."""
    store = PostgresqlStore(dsn)
    await store.open()
    async with store._connection() as connection:
        await connection.execute("".join(f"DELETE FROM {table};" for table in TABLES.split(", ")) + RESTART)  # noqa: S608
    await store.close()


@pytest.fixture(params=["memory", "sqlite", "sqlite and a process", "postgresql"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Each kind of store in turn."""
    if request.param == "memory":
        only = MemoryStore()
        return lambda: only
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "conversations.db")
    if request.param == "sqlite and a process":
        return lambda: SqliteStore(tmp_path / "conversations.db", process_from=1)
    dsn: str = request.getfixturevalue("cluster").dsn
    asyncio.run(empty_database(dsn))
    return lambda: PostgresqlStore(dsn)
