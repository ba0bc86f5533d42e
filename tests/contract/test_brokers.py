"""What every event broker does, wherever it takes the messages."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from yarl import URL

from manent.brokers.file import FileBroker
from manent.brokers.postgresql import PostgresqlBroker
from manent.brokers.rabbitmq import RabbitMq, RabbitMqBroker
from manent.brokers.sqlite import SqliteBroker
from manent.runtime.ports.broker import Broker, Outgoing
from support import rabbitmq


@dataclass
class Place:
    """A broker, and a way to see what has got there."""

    make: Callable[[], Broker]
    read: Callable[[], Awaitable[list[str]]]


@pytest.fixture(scope="session")
def node() -> Iterator[rabbitmq.Node]:
    """One RabbitMQ for all tests of the session."""
    program = rabbitmq.program()
    if program is None:
        pytest.skip("needs RabbitMQ (apt install rabbitmq-server)")
    with rabbitmq.running(program) as found:
        yield found


def in_file(tmp_path: Path) -> Place:
    """Lines of a file."""
    path = tmp_path / "logs" / "events.log"

    async def read() -> list[str]:
        return path.read_text().splitlines()

    return Place(lambda: FileBroker(path), read)


def in_sqlite(tmp_path: Path) -> Place:
    """Rows of a SQLite file."""
    path = tmp_path / "events.db"

    async def read() -> list[str]:
        with closing(sqlite3.connect(path)) as connection:
            return [row[0] for row in connection.execute("SELECT data FROM events ORDER BY id")]

    return Place(lambda: SqliteBroker(path), read)


def in_postgresql(dsn: str) -> Place:
    """Rows of a PostgreSQL table."""

    async def read() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            rows = [row[0] for row in await connection.fetch("SELECT data FROM events ORDER BY id")]
            await connection.execute("DROP TABLE events")
        finally:
            await connection.close()
        return rows

    return Place(lambda: PostgresqlBroker(dsn), read)


def in_rabbitmq(url: str) -> Place:
    """Messages of a queue."""

    async def read() -> list[str]:
        return [one.body.decode() for one in await rabbitmq.read(url, "rasa_core_events")]

    return Place(lambda: RabbitMqBroker(RabbitMq(url=URL(url))), read)


@pytest.fixture(params=["file", "sqlite", "postgresql", pytest.param("rabbitmq", marks=pytest.mark.slow)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Each kind of broker in turn."""
    match request.param:
        case "file":
            yield in_file(tmp_path)
        case "sqlite":
            yield in_sqlite(tmp_path)
        case "postgresql":
            yield in_postgresql(request.getfixturevalue("cluster").dsn)
        case _:
            yield in_rabbitmq(request.getfixturevalue("node").url)


def message(number: int, text: str = "é \\n 😀") -> Outgoing:
    """A message that can be told from others."""
    return Outgoing(
        "ada", f"e1:{number}", f'{{"sender_id":"ada","event":"user","number":{number},"text":"{text}"}}'.encode()
    )


async def test_messages_arrive_whole_and_in_order(place: Place) -> None:
    """What was handed over in several batches, by one broker after another, is there in this order."""
    expected = [message(number) for number in range(60)]
    first = place.make()
    await first.connect()
    await first.connect()
    await first.publish(expected[:50])
    await first.publish(expected[50:55])
    await first.close()
    second = place.make()
    await second.connect()
    await second.publish(expected[55:])
    await second.close()

    assert await place.read() == [one.body.decode() for one in expected]


async def test_a_broker_that_was_closed_connects_again(place: Place) -> None:
    """After trouble the same broker is asked to connect again, and goes on."""
    broker = place.make()
    await broker.connect()
    await broker.publish([message(1)])
    await broker.close()
    await broker.connect()
    await broker.publish([message(2)])
    await broker.close()

    assert await place.read() == [message(1).body.decode(), message(2).body.decode()]


async def test_long_messages(place: Place) -> None:
    """A message of a megabyte is a message."""
    broker = place.make()
    await broker.connect()
    await broker.publish([message(1, "x" * 1_000_000)])
    await broker.close()

    assert [len(one) for one in await place.read()] == [len(message(1, "x" * 1_000_000).body)]
