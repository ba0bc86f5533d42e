"""Senders that stop waiting for a message."""

import asyncio

import pytest

from manent.core.conversation_log import LogEntry
from manent.stores.memory import MemoryStore
from support.small_talk import message, opened, shown


async def test_message_whose_sender_stops_waiting_is_answered_and_remembered() -> None:
    """A time limit of the sender does not change what happens to the message, and its id is not used twice."""
    store = MemoryStore()
    async with opened(store) as conversations:
        conversation = conversations.get("ada")
        ticket = conversation.submit(message("hello", message_id="m1"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await ticket.accepted
        entries = await ticket.finished
        again = conversation.submit(message("hello", message_id="m1"))
        receipt = await again.accepted
        page = await store.page("ada", limit=10)

    assert shown(entries) == ["hello", "Hello."]
    assert receipt.duplicate
    assert page is not None
    assert shown(list(page.entries)) == ["hello", "Hello."]


async def test_sender_that_stops_waiting_does_not_disturb_another() -> None:
    """Two senders wait for the same message; if one of them stops, the other receives the result."""
    async with opened(MemoryStore()) as conversations:
        ticket = conversations.get("ada").submit(message("hello", message_id="m1"))

        async def wait() -> list[LogEntry]:
            return await ticket.finished

        impatient, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        impatient.cancel()

        assert shown(await patient) == ["hello", "Hello."]
