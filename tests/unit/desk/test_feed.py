"""News of the feed for open pages."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import msgspec
from starlette.requests import Request

from manent.core.events import BotUttered, Json, Operator, SlotSet
from manent.desk.desk import Desk
from manent.desk.feed import Feed, Page
from manent.desk.identity import Person
from manent.desk.reader import Reader
from manent.runtime import operations
from manent.runtime.conversation.registry import Conversations
from manent.runtime.ports.desk import Member
from manent.server.api.desk.events import EventRequests
from manent.stores.desk.tables import open_desk_tables
from manent.stores.memory import MemoryStore
from support.small_talk import opened, say


@asynccontextmanager
async def desk_page(conversations: Conversations) -> AsyncIterator[tuple[Reader, Feed, Page]]:
    """Return the reader, the feed, and a page that has joined it."""
    store = conversations.engine.store
    tables = open_desk_tables(store)
    await tables.open()
    feed, page = Feed(conversations, tables, server="one"), Page(Operator(id="olga", name="Olga"), handles=True)
    await feed.open()
    await feed.join(page, None)
    yield Reader(store, tables), feed, page
    await feed.close()


async def test_page_receives_all_messages_of_a_long_turn() -> None:
    """An append whose messages are more than a hundred events apart is shown completely."""
    async with opened(MemoryStore()) as conversations, desk_page(conversations) as (reader, feed, page):
        await say(conversations, "hello")
        slots = [SlotSet(name="who", value=str(number)) for number in range(150)]
        await operations.apply_events(
            conversations.get("ada"), [BotUttered(text="Before."), *slots, BotUttered(text="After.")]
        )
        reader.note("ada")
        await reader.catch_up()
        feed.poll_soon()
        news = [one for one in await page.take(within_s=30) if one.kind == "message"]
        while not news:
            news = [one for one in await page.take(within_s=30) if one.kind == "message"]

    texts = [message.get("text") for one in news for message in msgspec.json.decode(one.data)["messages"]]
    assert texts[-2:] == ["Before.", "After."]


async def test_messages_name_their_log_and_what_the_row_counts() -> None:
    """After an erase, a page can tell the messages of the new log from those that it shows, and counts none twice."""
    async with opened(MemoryStore()) as conversations, desk_page(conversations) as (reader, feed, page):
        epochs = []
        for _ in range(2):
            await say(conversations, "hello")
            head = await conversations.engine.store.head("ada")
            assert head is not None
            reader.note("ada")
            await reader.catch_up()
            feed.poll_soon()
            news: list[Json] = []
            while not news:
                taken = await page.take(within_s=30)
                news = [msgspec.json.decode(one.data) for one in taken if one.kind == "message"]
            assert news[-1]["epoch"] == head.epoch
            assert news[-1]["conversation"]["seq"] == head.version
            epochs.append(head.epoch)
            await conversations.get("ada").erase(new_epoch=None)

    assert epochs[0] != epochs[1]


async def test_a_page_that_closes_before_it_has_joined_is_no_error() -> None:
    """A browser can close the page while the first bytes of the stream are sent."""
    async with opened(MemoryStore()) as conversations:
        feed = Feed(conversations, open_desk_tables(conversations.engine.store), server="one")
        desk = cast("Desk", SimpleNamespace(feed=feed, conversations=conversations))
        person = Person(member=Member(id="olga", name="Olga", role="operator"))
        stream = EventRequests(desk)._stream(Request({"type": "http"}), person, None)
        assert isinstance(stream, AsyncGenerator)
        assert (await anext(stream)).startswith(b"retry:")
        await stream.aclose()
