"""Jobs that fail or are cancelled, and the jobs that wait behind them."""

import asyncio

import pytest

from manent.core.errors import RequestError, StoreError
from manent.runtime import operations
from manent.runtime.ports.store import Loaded
from manent.stores.memory import MemoryStore
from support.failing_stores import FailingStore
from support.small_talk import Actions, home, message, opened, shown, until


async def test_repeated_message_whose_answer_cannot_be_read_is_refused() -> None:
    """The sender receives the store's error, and the messages that wait behind it are answered."""
    store = FailingStore()
    async with opened(store) as conversations:
        conversation = conversations.get("ada")
        await conversation.submit(message("hello", message_id="m1")).finished
        store.fails = "after"
        again = conversation.submit(message("hello", message_id="m1"))
        behind = conversation.submit(message("count"))
        async with asyncio.timeout(30):
            entries = await behind.finished
        with pytest.raises(StoreError):
            await again.accepted

    assert shown(entries) == ["count", "One.\n\nTwo."]


async def test_shutdown_ends_everything_that_waits() -> None:
    """If a turn does not finish in time, the messages and operations that wait behind it receive an error."""
    actions = Actions(hold=asyncio.Event())
    conversations = home(MemoryStore(), actions)
    await conversations.open()
    conversation = conversations.get("ada")
    conversation.submit(message("work"))
    await until(lambda: bool(actions.calls))
    operation = asyncio.create_task(operations.trigger(conversation, "ping"))
    await asyncio.sleep(0)
    waiting = conversation.submit(message("hello"))
    await conversations.close(within_s=0.05)

    with pytest.raises(RequestError) as refused:
        await asyncio.wait_for(waiting.accepted, 30)
    assert refused.value.code == "server_closing"
    await asyncio.wait({operation}, timeout=5)
    assert operation.done()


async def test_shutdown_refuses_the_message_whose_turn_has_not_begun() -> None:
    """A message that is cancelled while the log is read was not accepted, and its sender does not wait forever."""
    reading = asyncio.Event()

    class Slow(MemoryStore):
        async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
            reading.set()
            await asyncio.Event().wait()
            return await super().load(sender_id, before=before)

    conversations = home(Slow())
    await conversations.open()
    ticket, behind = (conversations.get("ada").submit(message("hello")) for _ in range(2))
    await reading.wait()
    await conversations.close(within_s=0.05)

    for one in (ticket, behind):
        done, _ = await asyncio.wait({asyncio.ensure_future(one.accepted)}, timeout=5)
        assert done
        with pytest.raises(RequestError):
            await one.accepted
