"""A real RabbitMQ as event broker: what its messages look like, and what happens while it is away."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from yarl import URL

from faults.servers import Server, fleet
from faults.test_broker import committed, first_ones, health, say
from manent.brokers.rabbitmq import RabbitMq, RabbitMqBroker
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing
from support import rabbitmq
from support.certificates import self_signed
from support.processes import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node() -> Iterator[rabbitmq.Node]:
    """A RabbitMQ for this module."""
    program = rabbitmq.program()
    if program is None:
        pytest.skip("needs RabbitMQ (apt install rabbitmq-server)")
    with rabbitmq.running(program) as found:
        yield found


@pytest.fixture
async def channel(node: rabbitmq.Node) -> AsyncIterator[AbstractChannel]:
    """Of a consumer."""
    connection = await aiormq.connect(node.url)
    yield await connection.channel()
    await connection.close()


async def test_messages_look_like_rasas(node: rabbitmq.Node) -> None:
    """Persistent, in every queue, with the environment as `app_id`, and an id that is the same when sent again."""
    broker = RabbitMqBroker(RabbitMq(url=URL(node.url), queues=("a", "b"), environment="staging"))
    await broker.connect()
    for _ in range(2):
        await broker.publish([Outgoing("ada", "e1:1", b"{}"), Outgoing("ada", "e1:2", b"{}")])
    await broker.close()
    for queue in ("a", "b"):
        told = await rabbitmq.read(node.url, queue)
        about = [one.header.properties for one in told]
        assert [one.message_id for one in about] == ["e1:1", "e1:2"] * 2
        assert {(one.app_id, one.delivery_mode) for one in about} == {("staging", 2)}
        assert {(one.exchange, one.routing_key) for one in told} == {("rasa-exchange", "")}


async def test_the_certificate_is_verified(
    node: rabbitmq.Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `amqps`, messages go only to a server whose certificate a trusted authority has signed for its name."""
    other, _ = self_signed(tmp_path)
    refused = []
    for authority, url in (
        (other, node.tls_url),  # another authority
        (node.certificate, node.tls_url.replace("localhost", "127.0.0.1")),  # another name
        (None, node.tls_url),  # the authorities of the system
    ):
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        if authority is not None:
            monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        broker = RabbitMqBroker(RabbitMq(url=URL(url), queues=("tls",)))
        with pytest.raises(BrokerError) as caught:
            await broker.connect()
        refused.append("CERTIFICATE_VERIFY_FAILED" in caught.value.message)
    monkeypatch.setenv("SSL_CERT_FILE", str(node.certificate))
    broker = RabbitMqBroker(RabbitMq(url=URL(node.tls_url), queues=("tls",)))
    await broker.connect()
    await broker.publish([Outgoing("ada", "e1:1", b"{}")])
    await broker.close()

    assert refused == [True, True, True]
    assert [message.body for message in await rabbitmq.read(node.url, "tls")] == [b"{}"]


@pytest.mark.parametrize("durable", [True, False])
async def test_exchange_that_is_there_is_used(node: rabbitmq.Node, channel: AbstractChannel, *, durable: bool) -> None:
    """Whether it is durable is up to whoever made it; Rasa's is not."""
    name = f"exchange-{durable}"
    await channel.exchange_declare(name, exchange_type="fanout", durable=durable)
    broker = RabbitMqBroker(RabbitMq(url=URL(node.url), exchange=name, queues=(name,)))
    await broker.connect()
    await broker.publish([Outgoing("ada", "e1:1", b"{}")])
    await broker.close()

    assert len(await rabbitmq.read(node.url, name)) == 1


async def test_exchange_that_we_made_can_be_declared_as_rasa_does(
    node: rabbitmq.Node, channel: AbstractChannel
) -> None:
    """A project may go back to Rasa, whose declaration must not be refused."""
    broker = RabbitMqBroker(RabbitMq(url=URL(node.url), exchange="ours", queues=("ours",)))
    await broker.connect()
    await broker.close()

    declared = await channel.exchange_declare("ours", exchange_type="fanout")
    assert isinstance(declared, aiormq.spec.Exchange.DeclareOk)


async def test_queue_that_was_deleted(node: rabbitmq.Node, channel: AbstractChannel) -> None:
    """A message that no queue takes is not confirmed: it comes once the queue is there again."""
    broker = RabbitMqBroker(RabbitMq(url=URL(node.url), exchange="lonely", queues=("lonely",)))
    await broker.connect()
    await channel.queue_delete("lonely")
    with pytest.raises(BrokerError):
        await broker.publish([Outgoing("ada", "e1:1", b"{}")])
    await broker.connect()
    await broker.publish([Outgoing("ada", "e1:1", b"{}")])
    await broker.close()

    assert len(await rabbitmq.read(node.url, "lonely")) == 1


def test_rabbitmq_is_away(node: rabbitmq.Node, tmp_path: Path) -> None:
    """Turns are answered while it is restarted; afterwards every event is in its queue, in order."""
    section = f"event_broker:\n  type: pika\n  url: {node.url}\n"
    with fleet(tmp_path / "project", tracker_store=section) as servers:
        server = servers.start()
        _talk(server, 5)
        node.stop()
        _talk(server, 5)
        wait_for(lambda: health(server)["status"] == "broker_amqp", "the outage")
        node.start()
        _talk(server, 1)
        wait_for(lambda: health(server) == {"status": "ok", "waiting": 0, "lag_s": 0.0}, "its return")
        expected = committed(servers)
        told = [json.loads(one.body) for one in asyncio.run(rabbitmq.read(node.url, "rasa_core_events"))]
        said = [line for line in server.log.read_text().splitlines() if "manent.broker" in line]

    assert len(expected) > 40
    assert first_ones(told) == expected
    assert [("is not available" in line, "is available again" in line) for line in said] == [
        (True, False),
        (False, True),
    ]


def _talk(server: Server, times: int) -> None:
    for _ in range(times):
        say(server)
