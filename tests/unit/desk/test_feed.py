"""News of the feed for open pages."""

import msgspec

from manent.core.events import BotUttered, Operator, SlotSet
from manent.desk.feed import Feed, Page
from manent.desk.reader import Reader
from manent.runtime import operations
from manent.stores.desk.tables import open_desk_tables
from manent.stores.memory import MemoryStore
from support.small_talk import opened, say


async def test_page_receives_all_messages_of_a_long_turn() -> None:
    """An append whose messages are more than a hundred events apart is shown completely."""
    async with opened(MemoryStore()) as conversations:
        store = conversations.engine.store
        tables = open_desk_tables(store)
        await tables.open()
        reader, feed = Reader(store, tables), Feed(conversations, tables, server="one")
        page = Page(Operator(id="olga", name="Olga"), handles=True)
        await feed.open()
        await feed.join(page, None)
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
        await feed.close()

    texts = [message.get("text") for one in news for message in msgspec.json.decode(one.data)["messages"]]
    assert texts[-2:] == ["Before.", "After."]
