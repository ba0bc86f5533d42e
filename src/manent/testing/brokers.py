"""The test suite that every event broker must pass.

Import the tests, and write a fixture `place` that returns a `Place`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from manent.runtime.ports.broker import Broker, Outgoing

__all__ = [
    "pytestmark",
    "test_a_broker_that_was_closed_connects_again",
    "test_long_messages",
    "test_messages_arrive_whole_and_in_order",
]


pytestmark = pytest.mark.asyncio


@dataclass
class Place:
    """A broker to test, and a function that reads the messages that it published.

    Attributes:
        make: returns an unconnected broker. All brokers that the function returns publish to the same place.
        read: returns the published messages' bodies as text, in order.
    """

    make: Callable[[], Broker]
    read: Callable[[], Awaitable[list[str]]]


def message(number: int, text: str = "é \\n 😀") -> Outgoing:
    """Return a message that contains `number` in its key and its body."""
    return Outgoing(
        "ada", f"e1:{number}", f'{{"sender_id":"ada","event":"user","number":{number},"text":"{text}"}}'.encode()
    )


async def test_messages_arrive_whole_and_in_order(place: Place) -> None:
    """Several batches from two successive brokers arrive in the order in which they were published."""
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
    """A closed broker can connect again and publish."""
    broker = place.make()
    await broker.connect()
    await broker.publish([message(1)])
    await broker.close()
    await broker.connect()
    await broker.publish([message(2)])
    await broker.close()

    assert await place.read() == [message(1).body.decode(), message(2).body.decode()]


async def test_long_messages(place: Place) -> None:
    """A message of one megabyte arrives complete."""
    broker = place.make()
    await broker.connect()
    await broker.publish([message(1, "x" * 1_000_000)])
    await broker.close()

    assert [len(one) for one in await place.read()] == [len(message(1, "x" * 1_000_000).body)]
