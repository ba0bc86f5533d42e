"""PostgreSQL over a network that is slow or silent."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from manent.core.errors import StoreError
from manent.stores.postgresql.options import PostgresqlOptions
from manent.stores.postgresql.store import PostgresqlStore
from manent.testing.logs import empty, talk, turn
from support.network import Network, network_to
from support.postgres import Cluster, programs, running

IMPATIENT = PostgresqlOptions(connect_timeout=1.0, statement_timeout=1.0, network_timeout=2.0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(bin_folder) as found:
        yield found


@pytest.fixture
async def network(cluster: Cluster) -> AsyncIterator[Network]:
    """A network to it."""
    async with network_to(cluster.socket) as found:
        yield found


def over(network: Network) -> str:
    """Return the address of the database over the network."""
    return f"postgresql://postgres@127.0.0.1:{network.port}/postgres"


async def test_a_turn_is_one_round_trip(network: Network) -> None:
    """A first append, a later append, an append with a snapshot and each read wait for the database once."""
    store = PostgresqlStore(over(network), schema="trips", options=PostgresqlOptions(pool_size=1))
    await store.open()
    assert store._notifications is not None
    await store._notifications.close()  # its round trips are on a connection of its own
    store._notifications = None
    for name in ("warm", "up"):  # the first use of a statement on a connection prepares it
        head = await talk(store, empty(name), 2)
        await store.append(turn(head, snapshot=b"1"))
        await asyncio.gather(store.load(name), store.page(name, limit=3), store.after(name, 0, limit=3))

    async def trips_of(*works: object) -> int:
        before = network.round_trips
        for work in works:
            await work  # type: ignore[misc]
        return network.round_trips - before

    first = turn(empty("ada"), message_id="m1")
    second = turn(first.head, message_id="m2")
    assert await trips_of(store.append(first), store.append(second)) == 2
    assert await trips_of(store.load("ada"), store.page("ada", limit=2), store.after("ada", 1, limit=2)) == 3
    assert await trips_of(store.append(turn(second.head, snapshot=b"2"))) == 2
    await store.close()


async def test_silent_network(network: Network) -> None:
    """Statements fail after their timeout, all connections are dropped at once, and afterwards all is well at once."""
    store = PostgresqlStore(over(network), schema="silent", options=IMPATIENT)
    await store.open()
    heads = await asyncio.gather(*(talk(store, empty(f"visitor {n}"), 2) for n in range(20)))

    network.silence()
    started = time.monotonic()
    results = await asyncio.gather(*(store.append(turn(head)) for head in heads), return_exceptions=True)
    assert {isinstance(result, StoreError) for result in results} == {True}
    assert time.monotonic() - started < 4.0
    network.resume()

    started = time.monotonic()
    for before in heads:
        found = await store.head(before.sender_id)
        assert found is not None
        await talk(store, found, 1)
    assert time.monotonic() - started < 2.0
    await store.close()


async def test_silent_connections_in_use_are_closed(network: Network) -> None:
    """Statements on connections that stay silent fail after the network's timeout, long before their own timeout."""
    patient = PostgresqlOptions(statement_timeout=100.0, network_timeout=0.5)
    store = PostgresqlStore(over(network), schema="mute", options=patient)
    await store.open()
    head = await talk(store, empty(), 2)
    network.silence()
    waiting = asyncio.create_task(store.append(turn(head)))
    await asyncio.sleep(0.1)
    network.resume()
    with pytest.raises(StoreError):
        async with asyncio.timeout(60):
            await waiting

    found = await store.head("ada")
    assert found is not None
    await talk(store, found, 1)
    await store.close()


async def test_notifications_arrive_after_a_silence(network: Network, cluster: Cluster) -> None:
    """A server that only receives notifications detects that they can no longer arrive, and connects again."""
    receiving = PostgresqlStore(over(network), schema="deaf", options=PostgresqlOptions(network_timeout=0.5))
    sending = PostgresqlStore(cluster.dsn, schema="deaf")
    await receiving.open()
    await sending.open()
    network.silence()
    await asyncio.sleep(0.1)
    network.resume()
    heads = iter(range(1_000_000))

    async def is_named() -> bool:
        await sending.create(empty(name := f"visitor {next(heads)}"))
        await talk(sending, empty(f"other {name}"), 1)
        return await receiving.news(within_s=0.3) is not None

    async with asyncio.timeout(60):
        while not await is_named():
            pass
    await receiving.close()
    await sending.close()


async def test_waiting_for_a_lock_is_not_silence(network: Network) -> None:
    """A statement that waits for a lock for longer than the network's timeout keeps its connection and succeeds."""
    patient = PostgresqlOptions(statement_timeout=100.0, network_timeout=0.5)
    store = PostgresqlStore(over(network), schema="waiting", options=patient)
    await store.open()
    head = await talk(store, empty(), 1)
    async with store._transaction() as connection:
        await connection.execute("SELECT 1 FROM conversations WHERE sender_id = 'ada' FOR UPDATE")
        blocked = asyncio.create_task(store.append(turn(head)))
        await asyncio.sleep(3.0)
    await blocked
    await store.close()


async def test_slow_statement_keeps_its_connection(network: Network) -> None:
    """A statement that PostgreSQL cancels is an error of one caller; no connection is given up."""
    store = PostgresqlStore(over(network), schema="slow", options=IMPATIENT)
    await store.open()
    head = await talk(store, empty(), 1)
    other = await talk(store, empty("bob"), 1)
    async with store._transaction() as connection:
        await connection.execute("SELECT 1 FROM conversations WHERE sender_id = 'ada' FOR UPDATE")
        blocked = asyncio.create_task(store.append(turn(head)))
        await asyncio.sleep(0.1)
        before = network.connections
        await store.append(turn(other))
        with pytest.raises(StoreError, match="timed out") as refused:
            await blocked
    assert refused.value.code == "store_locked"

    await asyncio.gather(store.append(turn(head)), store.head("bob"))
    assert network.connections == before + 1  # the third at once
    await store.close()


async def test_all_connections_in_use(network: Network) -> None:
    """A caller that gets no connection in time is told so, and what to do."""
    store = PostgresqlStore(over(network), schema="busy", options=PostgresqlOptions(pool_size=1, statement_timeout=0.3))
    await store.open()
    async with store._connection():
        with pytest.raises(StoreError, match="pool_size") as refused:
            await store.head("ada")
    assert refused.value.code == "store_busy"
    assert await store.head("ada") is None
    await store.close()


async def test_cancelled_call_gives_its_connection_up(network: Network) -> None:
    """A caller that stops waiting leaves no connection in an unknown state behind, and no place in the pool taken."""
    store = PostgresqlStore(over(network), schema="cancelled", options=PostgresqlOptions(pool_size=1))
    await store.open()
    head = await talk(store, empty(), 1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), store._connection() as connection:
                await connection.execute("SELECT pg_sleep(5)")

    await store.append(turn(head))
    await store.close()
