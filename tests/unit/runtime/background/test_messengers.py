"""Messenger conversations while something fails between two steps."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

import pytest

from manent.core.errors import StoreError
from manent.core.events import BotUttered, Json, UserUttered
from manent.core.postbox import ReceivedMessage, Route, Undelivered
from manent.runtime import choices, operations
from manent.runtime.background import receiving, sending
from manent.runtime.background.receiving import Receiver
from manent.runtime.background.sending import Sender
from manent.runtime.conversation.registry import Conversations
from manent.runtime.ports.channel import SendLater
from manent.stores.memory import MemoryStore
from support.small_talk import opened, until


class Platform:
    """A messenger that keeps the texts that are sent to it."""

    name = "paper"
    max_buttons = 3

    def __init__(self) -> None:
        self.sent: list[str | None] = []

    def parts(self, event: BotUttered) -> Sequence[Json]:
        """Return the text."""
        return [{"text": event.text}]

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """Keep the text."""
        del route, key
        self.sent.append(part["text"])

    async def show_typing(self, route: Route) -> None:
        """Do nothing."""


@contextlib.asynccontextmanager
async def receiving_from(platform: Platform, conversations: Conversations) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(conversations, {platform.name: platform})
    await receiver.open()
    try:
        yield receiver
    finally:
        await receiver.close()


@contextlib.asynccontextmanager
async def sending_to(platform: Platform, conversations: Conversations) -> AsyncIterator[Sender]:
    """Run a sender."""
    sender = Sender(conversations.engine.store, {platform.name: platform}, owner=conversations.engine.leases.owner)
    conversations.engine.log_readers.append(sender.note)
    await sender.open()
    try:
        yield sender
    finally:
        await sender.close()


@contextlib.asynccontextmanager
async def relaying(store: MemoryStore, platform: Platform) -> AsyncIterator[tuple[Conversations, Receiver, Sender]]:
    """Run a server that receives messages from a platform and sends replies to it."""
    async with (
        opened(store) as conversations,
        receiving_from(platform, conversations) as receiver,
        sending_to(platform, conversations) as sender,
    ):
        yield conversations, receiver, sender


def received(number: int, text: str) -> ReceivedMessage:
    """Return a message as the platform delivers it."""
    return ReceivedMessage(channel="paper", address="ada", message_id=f"m{number}", text=text)


async def said(store: MemoryStore) -> list[str | None]:
    """Return the texts of the visitor in the log."""
    return [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, UserUttered)]


async def test_message_that_causes_a_fault_is_reported_and_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After several attempts, the message is counted as lost and removed; later messages are processed."""
    monkeypatch.setattr(receiving, "RETRY_S", (0.01,))

    def broken(*_: object, **__: object) -> None:
        raise TypeError("broken")

    monkeypatch.setattr(receiving, "find_choice", broken)
    store = MemoryStore()
    async with opened(store) as conversations, receiving_from(Platform(), conversations) as receiver:
        for number, text in enumerate(("hello", "1", "count")):
            await receiver.receive(received(number, text))
        async with asyncio.timeout(30):
            while await receiver.unprocessed():  # noqa: ASYNC110  # the store has no event to wait for
                await asyncio.sleep(0.01)
        texts = await said(store)

    assert texts == ["hello", "count"]
    assert receiver.lost == {"paper": 1}
    assert "a received message was not processed" in caplog.text


@pytest.mark.parametrize("buttons", [5, "Yes", {"title": "Yes"}])
def test_malformed_buttons_are_no_choices(buttons: object) -> None:
    """Buttons that are not a list, for example in an event from the API, cause no error."""
    assert choices.buttons_of(BotUttered(text="?", data={"buttons": buttons})) == []


@pytest.mark.parametrize("fails_in", ["parts", "send_part"])
async def test_reply_that_the_channel_cannot_send_does_not_stop_later_ones(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails_in: str
) -> None:
    """A reply that causes an error in the channel's code is recorded as undeliverable, and later replies are sent."""
    monkeypatch.setattr(sending, "RETRY_S", (0.01,))

    class Broken(Platform):
        def parts(self, event: BotUttered) -> Sequence[Json]:
            if fails_in == "parts" and event.text == "Hello.":
                raise TypeError("broken")
            return super().parts(event)

        async def send_part(self, route: Route, part: Json, key: str) -> None:
            if part.get("text") == "Hello.":
                raise TypeError("broken")
            await super().send_part(route, part, key)

    store, platform = MemoryStore(), Broken()
    async with relaying(store, platform) as (_, receiver, _):
        await receiver.receive(received(1, "hello"))
        await receiver.receive(received(2, "count"))
        await until(lambda: bool(platform.sent))
        [undelivered] = await store.undelivered("ada")

    assert platform.sent == ["One.\n\nTwo."]
    assert "TypeError: broken" in undelivered.reason
    assert not undelivered.is_uncertain
    assert "broken" in caplog.text


async def test_part_is_not_sent_again_because_its_position_could_not_be_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The platform has accepted the part, so only the write of the position is repeated."""
    monkeypatch.setattr(sending, "BUSY_S", 0.01)

    class Failing(MemoryStore):
        failures = 2

        async def move_route(self, route: Route, *, owner: str, undelivered: Undelivered | None = None) -> bool:
            if self.failures:
                self.failures -= 1
                raise StoreError("store_unavailable", "the store is not available")
            return await super().move_route(route, owner=owner, undelivered=undelivered)

    store, platform = Failing(), Platform()
    async with relaying(store, platform) as (_, receiver, sender):
        await receiver.receive(received(1, "hello"))
        await until(lambda: not store.failures and not sender.waiting)
        await receiver.receive(received(2, "count"))
        await until(lambda: "One.\n\nTwo." in platform.sent)

    assert platform.sent == ["Hello.", "One.\n\nTwo."]


async def test_part_is_not_sent_again_because_the_server_stops_while_its_position_is_stored() -> None:
    """The platform has accepted the part, so the server stores the position before it stops."""

    class Slow(MemoryStore):
        hangs = True

        async def move_route(self, route: Route, *, owner: str, undelivered: Undelivered | None = None) -> bool:
            if self.hangs:
                self.hangs = False
                await asyncio.Event().wait()
            return await super().move_route(route, owner=owner, undelivered=undelivered)

    store, platform = Slow(), Platform()
    async with opened(store) as conversations, receiving_from(platform, conversations) as receiver:
        async with sending_to(platform, conversations) as sender:
            await receiver.receive(received(1, "hello"))
            await until(lambda: not store.hangs)
            await sender.close(within_s=0.01)
        async with sending_to(platform, conversations):
            await receiver.receive(received(2, "count"))
            await until(lambda: "One.\n\nTwo." in platform.sent)

    assert platform.sent == ["Hello.", "One.\n\nTwo."]


async def test_fault_after_an_outage_is_counted_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the platform is unavailable, no faults are counted, so a single fault afterwards loses no message."""
    monkeypatch.setattr(sending, "RETRY_S", (0.01,))

    class Recovering(Platform):
        errors: ClassVar[list[Exception]] = [SendLater("down"), SendLater("down"), SendLater("down"), TypeError("odd")]

        async def send_part(self, route: Route, part: Json, key: str) -> None:
            if self.errors:
                raise self.errors.pop(0)
            await super().send_part(route, part, key)

    store, platform = MemoryStore(), Recovering()
    async with relaying(store, platform) as (_, receiver, sender):
        await receiver.receive(received(1, "hello"))
        await until(lambda: bool(platform.sent) or bool(sender.lanes["paper"].undeliverable))

    assert platform.sent == ["Hello."]


async def test_reply_is_sent_although_the_log_was_replaced_before_it() -> None:
    """While the platform is unavailable, the log is replaced and the bot replies; later, the reply is sent."""

    class Down(Platform):
        is_down = False

        async def send_part(self, route: Route, part: Json, key: str) -> None:
            if self.is_down:
                self.is_down = False
                raise SendLater("unavailable", retry_after=0.5)
            await super().send_part(route, part, key)

    store, platform = MemoryStore(), Down()
    async with relaying(store, platform) as (conversations, receiver, _):
        await receiver.receive(received(1, "hello"))
        await until(lambda: platform.sent == ["Hello."])
        platform.is_down = True
        await receiver.receive(received(2, "hello"))
        await until(lambda: not platform.is_down)
        sender_id = (await store.conversations())[0].sender_id
        events = [entry.event for entry in await store.entries(sender_id)]
        await operations.replace_events(conversations.get(sender_id), events)
        await receiver.receive(received(3, "count"))
        await until(lambda: "One.\n\nTwo." in platform.sent)
