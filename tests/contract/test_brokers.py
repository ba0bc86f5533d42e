"""The built-in event brokers pass the suite of `manent.testing.brokers`."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from yarl import URL

from manent.brokers.file import FileBroker
from manent.brokers.kafka import KafkaBroker, KafkaOptions
from manent.brokers.postgresql import PostgresqlBroker
from manent.brokers.rabbitmq import RabbitMq, RabbitMqBroker
from manent.brokers.sqlite import SqliteBroker
from manent.testing.brokers import *  # noqa: F403  # the tests
from manent.testing.brokers import Place
from support import kafka, rabbitmq


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


def in_kafka(url: str) -> Place:
    """Messages of a topic, on a server that imitates Kafka."""

    async def read() -> list[str]:
        return [message.value.decode() for message in await kafka.read(url, "rasa_core_events")]

    return Place(lambda: KafkaBroker(KafkaOptions(url=url, security_protocol="PLAINTEXT")), read)


@pytest.fixture(params=["file", "sqlite", "postgresql", "kafka", pytest.param("rabbitmq", marks=pytest.mark.slow)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Each kind of broker in turn."""
    match request.param:
        case "file":
            yield in_file(tmp_path)
        case "sqlite":
            yield in_sqlite(tmp_path)
        case "postgresql":
            yield in_postgresql(request.getfixturevalue("cluster").dsn)
        case "kafka":
            with kafka.running() as url:
                yield in_kafka(url)
        case _:
            yield in_rabbitmq(request.getfixturevalue("node").url)
