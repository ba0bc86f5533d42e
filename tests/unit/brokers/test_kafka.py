"""Messages to Kafka."""

from pathlib import Path

import pytest

from manent.brokers.kafka import KafkaBroker, KafkaOptions
from manent.brokers.opening import open_broker
from manent.core.errors import BrokerError, ProjectError
from manent.runtime.ports.broker import Outgoing
from support import kafka


@pytest.mark.parametrize("keyed", [True, False])
async def test_messages_of_a_conversation_stay_in_order(monkeypatch: pytest.MonkeyPatch, *, keyed: bool) -> None:
    """All messages of a conversation are in one partition, with or without its id as their key, as in Rasa."""
    monkeypatch.setenv("RASA_ENVIRONMENT", "staging")
    senders = [f"visitor {number}" for number in range(8)]
    with kafka.running() as url:
        options = KafkaOptions(url=[url], topic="chats", partition_by_sender=keyed, security_protocol="PLAINTEXT")
        for number in range(3):
            broker = KafkaBroker(options)
            await broker.connect()
            await broker.publish(
                [Outgoing(sender, f"e1:{number}", f"{sender} {number}".encode()) for sender in senders]
            )
            await broker.close()
        found = await kafka.read(url, "chats")

    assert len(found) == 24
    assert len({message.partition for message in found}) > 1
    for sender in senders:
        own = [message for message in found if message.value.decode().startswith(f"{sender} ")]
        assert [message.value.decode() for message in own] == [f"{sender} {number}" for number in range(3)]
        assert len({message.partition for message in own}) == 1
        assert {message.key for message in own} == {sender.encode() if keyed else None}
    assert dict(found[0].headers) == {"RASA_ENVIRONMENT": b"staging", "message_id": b"e1:0"}


async def test_a_server_that_is_away() -> None:
    """The error has a code and one line, without the password."""
    secret = "p-secret"  # noqa: S105  # of no server
    options = KafkaOptions(url="127.0.0.1:1", sasl_username="ada", sasl_password=secret)
    broker = KafkaBroker(options)
    with pytest.raises(BrokerError) as caught:
        await broker.connect()
    with pytest.raises(BrokerError):
        await broker.publish([Outgoing("ada", "e1:1", b"{}")])

    assert caught.value.code == "broker_kafka"
    assert secret not in caught.value.message


def test_an_account_is_required_for_sasl() -> None:
    """Rasa's default protocol needs an account. The problem names the option and its alternative."""
    with pytest.raises(ProjectError) as caught:
        open_broker({"type": "kafka", "url": "kafka:9092"}, root=Path())

    (problem,) = caught.value.problems
    assert problem.path == "event_broker.security_protocol"
    assert "PLAINTEXT" in problem.suggestion
