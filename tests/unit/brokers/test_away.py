"""Brokers that can't be reached: an error with a code, without the password."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from yarl import URL

from manent.brokers.error_text import describe_error
from manent.brokers.postgresql import PostgresqlBroker
from manent.brokers.rabbitmq import RabbitMq, RabbitMqBroker
from manent.brokers.sqlite import SqliteBroker
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Broker
from support.ports import free_port

PASSWORD = "s3cr3t/%&"  # noqa: S105
QUOTED = "s3cr3t%2F%25%26"

BROKERS: list[Callable[[str, int], Broker]] = [
    lambda host, port: RabbitMqBroker(RabbitMq(url=URL(f"amqp://manent:{QUOTED}@{host}:{port}/"))),
    lambda host, port: PostgresqlBroker(f"postgresql://manent:{QUOTED}@{host}:{port}/chat"),
]


@pytest.fixture
async def rude() -> AsyncIterator[int]:
    """The port of a server that says nonsense, repeating what it was told, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = b"SFATAL\x00C28P01\x00Mno " + PASSWORD.encode() + b"\x00\x00"
        writer.write(b"E" + (len(told) + 4).to_bytes(4, "big") + told + await reader.read(4))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("make", BROKERS)
@pytest.mark.parametrize("where", ["nobody", "rude", "unknown"])
async def test_broker_that_cannot_be_reached(
    make: Callable[[str, int], Broker], where: str, rude: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error that can be shown, each time it is tried; libraries don't print it on their own."""
    caplog.set_level(logging.INFO)
    host, port = ("127.0.0.1", rude) if where == "rude" else ("127.0.0.1", free_port())
    broker = make("unknown.invalid" if where == "unknown" else host, port)
    for _ in range(2):
        with pytest.raises(BrokerError) as caught:
            await broker.connect()
        assert caught.value.code in ("broker_amqp", "broker_sql")
        assert len(caught.value.message) > 10
        for secret in (PASSWORD, QUOTED):
            assert secret not in caught.value.message
    await broker.close()
    assert not caplog.records


def test_passwords_are_struck_out() -> None:
    """Whether they stand there as they are or as in an address."""
    shown = describe_error(ValueError(f"no {PASSWORD} and\n{QUOTED}"), [PASSWORD, None])
    assert shown == "ValueError: no *** and ***"


async def test_file_that_cannot_be_written() -> None:
    """A file that cannot be made is an error, too."""
    with pytest.raises(BrokerError, match="cannot write to"):
        await SqliteBroker(Path("/proc/none/events.db")).connect()
