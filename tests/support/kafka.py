"""A server that imitates Kafka, which the library librdkafka contains for tests. It keeps the messages in memory."""

import contextlib
from collections.abc import Iterator
from typing import Any

import aiokafka
import confluent_kafka

QUIET_MS = 1_000
"""Time without a new message after which a topic has been read."""


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run a new server, and yield its address."""
    options = {"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0}
    holder = confluent_kafka.Producer(options)  # the server lives as long as this object
    (server,) = holder.list_topics(timeout=30).brokers.values()
    yield f"{server.host}:{server.port}"
    holder.flush(0)


async def read(url: str, topic: str) -> list[Any]:
    """Return all messages of a topic, each partition's in order."""
    consumer = aiokafka.AIOKafkaConsumer(topic, bootstrap_servers=url, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Any] = []
    try:
        while batch := await consumer.getmany(timeout_ms=QUIET_MS):
            found += [message for messages in batch.values() for message in messages]
    finally:
        await consumer.stop()
    return found
