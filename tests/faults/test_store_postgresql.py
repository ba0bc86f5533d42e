"""PostgreSQL under fire: its server crashes and comes back, several of ours share it, Rasa's tables are in it."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Append
from manent.core.errors import StoreError
from manent.core.events import UserUttered
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import VersionConflict
from manent.stores.postgresql import append_batches
from manent.stores.postgresql.append_batches import append_many
from manent.stores.postgresql.schema import upgrade_postgresql
from manent.stores.postgresql.store import PostgresqlStore
from manent.stores.schema import steps
from manent.stores.schema.steps import ADDITIVE, newest_revision, read_step
from manent.testing.logs import empty, talk, turn
from support.old_stores import ALEMBIC, ALEMBIC_REVISIONS
from support.postgres import Cluster, programs, running


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that syncs its commits."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(bin_folder, durable=True) as found:
        yield found


async def test_server_crash(cluster: Cluster) -> None:
    """Appends fail while the server is away; acknowledged ones are there after its crash, and work goes on unasked."""
    store = PostgresqlStore(cluster.dsn, schema="crash")
    await store.open()
    heads = await asyncio.gather(*(talk(store, empty(f"visitor {n}"), 3) for n in range(20)))
    writing = [asyncio.create_task(talk(store, head, 1000)) for head in heads]
    await asyncio.sleep(0.3)
    await asyncio.to_thread(cluster.stop, "immediate")
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert {isinstance(result, StoreError) and result.code for result in results} == {"store_unreachable"}
    with pytest.raises(StoreError) as refused:
        await store.head("visitor 0")
    assert refused.value.code == "store_unreachable"

    await asyncio.to_thread(cluster.start)
    for before in heads:
        head = await store.head(before.sender_id)
        assert head is not None
        assert head.version >= before.version
        entries = await store.entries(before.sender_id)
        assert [entry.seq for entry in entries] == list(range(1, head.version + 1))
        await talk(store, head, 1)
    await store.close()


async def test_connection_for_notifications_is_made_again_after_any_error(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection for notifications fails in whatever way, the next one delivers notifications again."""
    real = asyncpg.connect
    failures = 3

    async def connect(*args: object, server_settings: dict[str, str], **kwargs: object) -> object:
        nonlocal failures
        if failures and server_settings["application_name"] == "manent news":
            failures -= 1
            raise asyncpg.InternalClientError("cannot switch to state 11")
        return await real(*args, server_settings=server_settings, **kwargs)

    monkeypatch.setattr(asyncpg, "connect", connect)
    metrics = Metrics()
    listens = PostgresqlStore(cluster.dsn, schema="notified", metrics=metrics)
    writes = PostgresqlStore(cluster.dsn, schema="notified")
    await listens.open()
    async with asyncio.timeout(20):
        while failures or metrics.background_failing:  # noqa: ASYNC110  # the connection has no event
            await asyncio.sleep(0.05)
    await writes.open()
    assert metrics.background_failures["notifications"] >= 1
    await writes.append(turn(empty("ada")))
    async with asyncio.timeout(20):
        while "ada" not in (await listens.news(within_s=5.0) or ()):
            await writes.append(turn(empty(f"visitor {time.monotonic()}")))
            await writes.append(turn(await writes.head("ada") or empty("ada")))
    await listens.close()
    await writes.close()


@pytest.mark.parametrize(("durability", "setting"), [("disk", "on"), ("process", "off")])
async def test_durability_is_asked_for(cluster: Cluster, durability: str, setting: str) -> None:
    """Each connection says itself whether a commit waits for the flush, whatever the server's default is."""
    store = PostgresqlStore(cluster.dsn, durability=durability, schema="settings")
    await store.open()
    async with store._connection() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == setting
    await store.close()


async def test_two_servers_start_on_a_new_database(cluster: Cluster) -> None:
    """Servers that start together make the tables once; upgrading afterwards changes nothing."""
    stores = [PostgresqlStore(cluster.dsn, schema="together") for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    heads = await asyncio.gather(*(store.create(empty(epoch=f"e{n}")) for n, store in enumerate(stores)))
    assert len(set(heads)) == 1

    assert await upgrade_postgresql(cluster.dsn, schema="together") == newest_revision("postgresql")
    assert await stores[0].head("ada") == heads[0]
    await asyncio.gather(*(store.close() for store in stores))


async def test_two_servers_that_try_again(cluster: Cluster) -> None:
    """Servers that re-read after a conflict get all their turns into one log, each once and in order."""
    stores = [PostgresqlStore(cluster.dsn, schema="writers") for _ in range(3)]
    for store in stores:
        await store.open()
    conflicts = 0

    async def server(store: PostgresqlStore, who: int) -> None:
        nonlocal conflicts
        for number in range(30):
            while True:
                head = await store.head("ada") or empty()
                try:
                    await store.append(turn(head, f"{who} {number}", message_id=f"{who} {number}"))
                except VersionConflict:
                    conflicts += 1
                else:
                    break

    await stores[0].create(empty())
    await asyncio.gather(*(server(store, who) for who, store in enumerate(stores)))
    entries = await stores[0].entries("ada")
    said = [entry.event.text or "" for entry in entries if isinstance(entry.event, UserUttered)]
    await asyncio.gather(*(store.close() for store in stores))

    assert sorted(said) == sorted(f"{who} {number}" for who in range(3) for number in range(30))
    assert [entry.seq for entry in entries] == list(range(1, 361))
    for who in range(3):
        own = [text for text in said if text.startswith(f"{who} ")]
        assert own == [f"{who} {number}" for number in range(30)]
    assert conflicts > 0


async def test_rasa_tables_stay_untouched(cluster: Cluster) -> None:
    """A Rasa tracker store in the same database is neither read nor changed."""
    connection = await asyncpg.connect(cluster.dsn)
    await connection.execute("CREATE TABLE events (id SERIAL PRIMARY KEY, sender_id VARCHAR(255), data TEXT)")
    await connection.execute("INSERT INTO events (sender_id, data) VALUES ('ada', '{}')")
    store = PostgresqlStore(cluster.dsn)
    await store.open()
    await store.append(turn(empty()))
    await store.erase("ada", new_epoch=None)
    await store.close()

    assert await connection.fetchval("SELECT count(*) FROM public.events") == 1
    await connection.close()


@pytest.mark.parametrize(("revision", "code"), [("0000", "store_schema_old"), ("9999", "store_schema_new")])
async def test_other_revisions_are_not_opened(cluster: Cluster, revision: str, code: str) -> None:
    """Tables of another version are refused with the way on."""
    schema = f"revision{revision}"
    await upgrade_postgresql(cluster.dsn, schema=schema)
    connection = await asyncpg.connect(cluster.dsn)
    await connection.execute(f"UPDATE {schema}.alembic_version SET version_num = $1", revision)  # noqa: S608
    await connection.execute(f"UPDATE {schema}.schema_revision SET revision = $1", revision)  # noqa: S608
    await connection.close()
    with pytest.raises(StoreError) as refused:
        await PostgresqlStore(cluster.dsn, schema=schema).open()

    assert refused.value.code == code


@pytest.mark.parametrize("is_additive", [True, False])
async def test_tables_after_a_step_of_the_next_release(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_additive: bool
) -> None:
    """After an additive step, stores of this release continue and open again; after another step, they do not open."""
    schema = "additive" if is_additive else "incompatible"
    store = PostgresqlStore(cluster.dsn, schema=schema)
    await store.open()
    head = await talk(store, empty(), 1)
    file = tmp_path / "9998_next.sql"
    file.write_text(f"{ADDITIVE if is_additive else '--'}\nALTER TABLE conversations ADD COLUMN more TEXT;\n")
    every = (*steps.steps("postgresql"), read_step(file))
    with monkeypatch.context() as patch:
        patch.setattr(steps, "steps", lambda _: every)
        assert await upgrade_postgresql(cluster.dsn, schema=schema) == "9998"
    if is_additive:
        head = await talk(store, head, 1)  # a server that is running
        await store.close()
        assert await upgrade_postgresql(cluster.dsn, schema=schema) == "9998"

        await store.open()  # a server that starts
        assert await store.head("ada") == head
        await talk(store, head, 1)
        await store.close()
    else:
        await store.close()
        with pytest.raises(StoreError) as refused:
            await store.open()
        assert refused.value.code == "store_schema_new"
        assert "needs a version of Manent with schema 9998" in refused.value.message


async def test_an_upgrade_does_not_wait_for_a_long_transaction(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another transaction uses the tables, an upgrade fails with a code, changes nothing, and can be repeated."""
    monkeypatch.setattr("manent.stores.postgresql.schema.LOCK_TIMEOUT_S", 0.1)
    connection = await asyncpg.connect(cluster.dsn)
    await connection.execute("CREATE SCHEMA locked; SET search_path = locked")
    await connection.execute((ALEMBIC / "postgresql" / f"{ALEMBIC_REVISIONS[-1]}.sql").read_text())
    async with connection.transaction():
        await connection.execute("SELECT count(*) FROM conversations")
        with pytest.raises(StoreError, match="run `manent db upgrade` again") as refused:
            await upgrade_postgresql(cluster.dsn, schema="locked")

    assert refused.value.code == "store_locked"
    assert await upgrade_postgresql(cluster.dsn, schema="locked") == newest_revision("postgresql")
    await connection.close()


@pytest.mark.parametrize("revision", ALEMBIC_REVISIONS)
async def test_tables_of_alembic_are_upgraded(cluster: Cluster, revision: str) -> None:
    """Tables that an earlier version made with Alembic are upgraded, keep their rows and take new turns."""
    schema = f"alembic{revision}"
    connection = await asyncpg.connect(cluster.dsn)
    await connection.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}")
    await connection.execute((ALEMBIC / "postgresql" / f"{revision}.sql").read_text())
    await connection.execute(
        "INSERT INTO conversations (sender_id, epoch, version, visible, session_seq, plain_seq, open_turn, started,"
        " updated) VALUES ('ada', 'e1', 1, 1, 0, 0, false, 1.0, 1.0);"
        "INSERT INTO events (conversation_id, seq, format, prev, data) VALUES"
        """ (1, 1, 1, 0, '{"event":"bot","timestamp":1.0,"metadata":{},"text":"hi","data":{}}')"""
    )
    store = PostgresqlStore(cluster.dsn, schema=schema)
    if revision < newest_revision("postgresql"):
        with pytest.raises(StoreError, match="manent db upgrade"):
            await store.open()
    assert await upgrade_postgresql(cluster.dsn, schema=schema) == newest_revision("postgresql")

    await store.open()
    head = await store.head("ada")
    assert head is not None
    assert [entry.seq for entry in await store.entries("ada")] == [1]
    await store.append(turn(head))
    await store.begin_publishing()
    await store.close()
    await connection.close()


async def test_unreachable_databases(cluster: Cluster) -> None:
    """No server, no such database: one code, at the start."""
    for dsn in ("postgresql://127.0.0.1:1/nothing", cluster.dsn.replace("/postgres?", "/missing?")):
        with pytest.raises(StoreError) as refused:
            await PostgresqlStore(dsn).open()
        assert refused.value.code == "store_unreachable"

    with pytest.raises(StoreError, match=r"nothing on 127\.0\.0\.1:1 ") as refused:
        await PostgresqlStore("postgresql://ada:secret@127.0.0.1:1/nothing?password=secret").open()
    assert "secret" not in str(refused.value)


async def test_read_only_sessions_are_dropped(cluster: Cluster) -> None:
    """Sessions that began while the database was read-only fail once; then new ones write."""
    dsn = await asyncio.to_thread(cluster.new_database)
    name = dsn.rpartition("@/")[2].partition("?")[0]
    store = PostgresqlStore(dsn)
    await store.open()
    heads = await asyncio.gather(*(talk(store, empty(f"visitor {n}"), 1) for n in range(5)))
    await store.check_writable()

    admin = await asyncpg.connect(cluster.dsn)
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await asyncio.sleep(0.1)
    results = await asyncio.gather(*(store.append(turn(head)) for head in heads), return_exceptions=True)
    assert {isinstance(result, StoreError) and result.code for result in results} == {"store_readonly"}
    with pytest.raises(StoreError) as refused:
        await store.check_writable()
    assert refused.value.code == "store_readonly"
    assert await store.head("visitor 1") == heads[1]

    await asyncio.gather(*(store.head(head.sender_id) for head in heads))  # keeps read-only sessions in the pool
    await admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await admin.close()
    with pytest.raises(StoreError):
        await store.append(turn(heads[0]))
    await asyncio.gather(*(store.append(turn(head)) for head in heads))
    await store.check_writable()
    await store.close()


async def test_appends_share_statements(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends that arrive together are one statement; one that cannot be written fails alone, and delays no other."""
    sizes: list[int] = []

    async def count(connection: object, appends: Sequence[Append]) -> set[int]:
        sizes.append(len(appends))
        return await append_many(connection, appends)

    monkeypatch.setattr(append_batches, "append_many", count)
    store = PostgresqlStore(cluster.dsn, schema="together_now")
    await store.open()
    heads = list(await asyncio.gather(*(talk(store, empty(f"visitor {n}"), 1) for n in range(20))))
    sizes.clear()
    await asyncio.gather(*(store.append(turn(head, message_id="m1")) for head in heads))
    assert sum(sizes) == 20
    assert len(sizes) <= 3

    heads = [turn(head).head for head in heads]
    appends = [turn(head, message_id="m2") for head in heads]
    appends[3] = turn(replace(heads[3], version=4))
    appends[5] = turn(heads[5], message_id="m1")
    appends[7] = turn(heads[7], "half of a pair \ud800")
    async with store._transaction() as connection:
        await connection.execute("SELECT 1 FROM conversations WHERE sender_id = 'visitor 9' FOR UPDATE")
        writing = [asyncio.create_task(store.append(append)) for append in appends]
        done, waiting = await asyncio.wait(writing, timeout=1.5)
        assert [number for number, one in enumerate(writing) if one in waiting] == [9]
        assert len(done) == 19
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert {number: type(result).__name__ for number, result in enumerate(results) if result is not None} == {
        3: "VersionConflict",
        5: "DuplicateMessage",
        7: "StoreError",
    }
    for number, head in enumerate(heads):
        expected = 8 if number in (3, 5, 7) else 12
        assert [entry.seq for entry in await store.entries(head.sender_id)] == list(range(1, expected + 1))
    await store.close()
