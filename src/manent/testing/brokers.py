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
    """A broker, and a way to see what it has published.

    Attributes:
        make: returns a broker, not connected. A second one publishes to the same place.
        read: returns the bodies of the published messages as text, in order.
    """

    make: Callable[[], Broker]
    read: Callable[[], Awaitable[list[str]]]


def message(number: int, text: str = "é \\n 😀") -> Outgoing:
    """Return a message that differs from all others."""
    return Outgoing(
        "ada", f"e1:{number}", f'{{"sender_id":"ada","event":"user","number":{number},"text":"{text}"}}'.encode()
    )


async def test_messages_arrive_whole_and_in_order(place: Place) -> None:
    """Messages of several batches, from one broker after another, arrive in the order of their publication."""
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
    """A closed broker connects again and publishes."""
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
