"""PostgreSQL behind PgBouncer in transaction mode: each transaction may run in another session."""

import asyncio
import logging
from collections.abc import Iterator

import asyncpg
import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Reminder, Revocation
from manent.core.errors import StoreError
from manent.runtime.ports.store import DuplicateMessage, VersionConflict
from manent.stores.postgresql.options import PostgresqlOptions
from manent.stores.postgresql.schema import upgrade_postgresql
from manent.stores.postgresql.store import PostgresqlStore
from manent.stores.schema.steps import newest_revision
from manent.testing.logs import empty, talk, turn
from support.pgbouncer import bouncer, program
from support.postgres import Cluster, programs, running


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    if program() is None:
        pytest.skip("needs PgBouncer (apt install pgbouncer)")
    with running(bin_folder) as found:
        yield found


@pytest.fixture(
    scope="module", params=["", "ignore_startup_parameters = search_path,synchronous_commit"], ids=["plain", "ignoring"]
)
def dsn(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """The address of a new database behind PgBouncer, as installed and with a common workaround."""
    name = cluster.new_database().rpartition("@/")[2].partition("?")[0]
    with bouncer(cluster, more=request.param) as port:
        yield f"postgresql://postgres@127.0.0.1:{port}/{name}"


async def test_two_servers_behind_pgbouncer(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    """Two servers write many conversations at once over three sessions: nothing is lost, mixed up or rejected."""
    caplog.set_level(logging.INFO, "manent.store")
    stores = [PostgresqlStore(dsn, options=PostgresqlOptions(pool_size=8)) for _ in range(2)]
    await asyncio.gather(*(store.open() for store in stores))
    assert "pooler" in caplog.text
    heads = await asyncio.gather(*(talk(stores[n % 2], empty(f"visitor {n}"), 10, snapshot_every=3) for n in range(24)))
    for n, head in enumerate(heads):
        other = stores[1 - n % 2]
        assert await other.head(head.sender_id) == head
        assert [entry.seq for entry in await other.entries(head.sender_id)] == list(range(1, 41))
        loaded = await other.load(head.sender_id)
        assert loaded is not None
        assert loaded.snapshot is not None
        assert loaded.snapshot.version + len(loaded.entries) == 40
    assert await upgrade_postgresql(dsn) == newest_revision("postgresql")
    await asyncio.gather(*(store.close() for store in stores))


async def test_every_kind_of_write_behind_pgbouncer(dsn: str) -> None:
    """Conflicts, duplicates, reminders, erasures, revocations and publishing work as on a direct connection."""
    store = PostgresqlStore(dsn)
    await store.open()
    first = turn(empty(), message_id="m1")
    await store.append(first)
    with pytest.raises(DuplicateMessage):
        await store.append(turn(first.head, message_id="m1"))
    with pytest.raises(VersionConflict):
        await store.append(turn(empty()))
    reminder = Reminder(sender_id="ada", name="later", seq=5, due=1.0, intent="remind")
    second = replace(turn(first.head), reminders=(reminder,))
    await store.append(second)
    assert await store.due_reminders(now=2.0) == [reminder]
    await store.revoke(Revocation(kind="subject", value="ada", made=1.0))
    await store.begin_publishing()
    await store.check_writable()
    page = await store.page("ada", limit=1)
    assert page is not None
    assert (page.entries[0].seq, page.has_more) == (7, True)
    with pytest.raises(StoreError, match="cannot store this value"):
        await store.append(turn(second.head, message_id="\x00"))
    assert await store.head("ada") == second.head
    assert await store.erase("ada", new_epoch="e2")
    assert await store.news(within_s=0.1) is None  # changes are polled
    await store.close()


async def test_settings_hold_in_each_transaction(dsn: str) -> None:
    """Each transaction flushes its commit and has a time limit, in whichever session it runs, and leaves no trace."""
    store = PostgresqlStore(dsn, options=PostgresqlOptions(statement_timeout=7))
    await store.open()
    async with store._connection() as connection:
        for name, value in (("synchronous_commit", "on"), ("statement_timeout", "7s"), ("search_path", "manent")):
            assert await connection.fetchval("SELECT current_setting($1)", name) == value
    await store.close()
    other = await asyncpg.connect(dsn, statement_cache_size=0)
    async with other.transaction():
        assert await other.fetchval("SELECT current_setting('search_path')") != "manent"
    await other.close()


async def test_a_direct_connection_is_told_apart(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """Without PgBouncer the store keeps prepared statements and listens; `pgbouncer: true` changes that."""
    caplog.set_level(logging.INFO, "manent.store")
    direct = PostgresqlStore(cluster.dsn, schema="direct")
    await direct.open()
    assert "pooler" not in caplog.text
    assert direct._notifications is not None
    await direct.close()

    told = PostgresqlStore(cluster.dsn, schema="direct", options=PostgresqlOptions(pgbouncer=True))
    await told.open()
    assert told._notifications is None
    await talk(told, empty(), 2)
    await told.close()
