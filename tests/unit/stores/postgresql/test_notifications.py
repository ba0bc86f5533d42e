"""Notifications between servers when some of them are lost. The connection is simulated."""

import asyncio
from typing import Any

import msgspec
import pytest

from manent.stores.postgresql import notifications
from manent.stores.postgresql.notifications import ServerNotifications
from manent.stores.postgresql.options import PostgresqlOptions
from support.small_talk import until


class Connection:
    """A connection whose first statements fail."""

    failures = 0

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_over = False

    def get_server_pid(self) -> int:
        """Return the pid of this connection."""
        return 1

    async def add_listener(self, channel: str, listener: Any) -> None:
        """Accept a listener."""

    def add_termination_listener(self, listener: Any) -> None:
        """Accept a listener."""

    def is_closed(self) -> bool:
        """Return whether the connection has ended."""
        return self.is_over

    def terminate(self) -> None:
        """End the connection."""
        self.is_over = True

    async def execute(self, statement: str, channel: str, payloads: list[str], **options: float) -> None:
        """Fail or keep the payloads."""
        del statement, channel, options
        if Connection.failures:
            Connection.failures -= 1
            raise ConnectionResetError("the connection was reset")
        self.sent += [sender_id for payload in payloads for sender_id in msgspec.json.decode(payload)]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections that were opened."""
    opened: list[Connection] = []

    async def connect(*_: object, **__: object) -> Connection:
        opened.append(Connection())
        return opened[-1]

    monkeypatch.setattr(notifications, "connect", connect)
    return opened


async def test_notification_that_could_not_be_sent_is_sent_again(connections: list[Connection]) -> None:
    """If the connection breaks while a notification is sent, the next connection sends it."""
    Connection.failures = 1
    sending = ServerNotifications("postgresql://nowhere", "news", PostgresqlOptions(), on_silence=lambda _: None)
    sending.notify("ada")
    await until(lambda: len(connections) > 1 and "ada" in connections[-1].sent)
    await sending.close()


async def test_steady_notifications_do_not_delay_the_comparison_of_all(connections: list[Connection]) -> None:
    """Although notifications arrive all the time, `wait` reports at times that any conversation may have changed."""
    receiving = ServerNotifications("postgresql://nowhere", "news", PostgresqlOptions(), on_silence=lambda _: None)
    await until(lambda: bool(connections))
    while await receiving.wait(within_s=0.05) is not None:
        pass

    async def chatter() -> None:
        while True:
            receiving._receive(None, 2, "news", '["eve"]')
            await asyncio.sleep(0.005)

    chattering = asyncio.create_task(chatter())
    async with asyncio.timeout(5):
        while await receiving.wait(within_s=0.05) is not None:
            pass
    chattering.cancel()
    await receiving.close()
