"""An anonymous conversation is merged into the conversation of its owner while a person handles one of the two."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from manent.core.conversation_log import Head, LogEntry
from manent.core.errors import RequestError, StoreError
from manent.core.events import Operator, OperatorJoined
from manent.core.handler import HandlerConflict
from manent.runtime import handling
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.claiming import Claims
from manent.stores.memory import MemoryStore
from support.small_talk import message, opened, say, shown

ADA = Operator(id="1", name="Ada")
BO = Operator(id="2", name="Bo")


@contextlib.asynccontextmanager
async def visited(store: MemoryStore) -> AsyncIterator[tuple[Conversations, Conversations]]:
    """Run two servers of one store, with a conversation of a subject and an anonymous one."""
    async with opened(store) as one, opened(store) as other:
        other.engine.leases.owner = "elsewhere:1:other"
        one.get("owner").owner = "subject"
        await say(one, "hello", "owner")
        await say(one, "hello", "visitor")
        yield one, other


async def merge(conversations: Conversations) -> None:
    """Merge the conversation `visitor` into `owner`."""
    assert await Claims(conversations, "merge").claim("visitor", "subject") == "owner"


async def handler_of(store: MemoryStore, sender_id: str) -> str | None:
    """Return the operator's name."""
    head = await store.head(sender_id)
    assert head is not None
    return head.handling.operator.name if head.handling.operator is not None else None


async def test_the_operator_handles_the_merged_conversation() -> None:
    """The operator of the anonymous conversation then handles the owner's conversation, and the bot stays silent."""
    store = MemoryStore()
    async with opened(store) as conversations:
        conversations.get("owner").owner = "subject"
        await say(conversations, "hello", "owner")
        await say(conversations, "hello", "visitor")
        await handling.say(conversations.get("visitor"), ADA, text="Hi.", message_id="m")
        await merge(conversations)
        assert await handler_of(store, "owner") == "Ada"
        assert shown(await say(conversations, "hello", "owner")) == ["hello"]
        page = await store.page("owner", limit=10)
        assert page is not None
        assert shown(list(page.entries)) == ["hello", "Hello.", "hello", "Hello.", "Hi.", "hello"]


async def test_the_operator_of_the_owner_keeps_the_conversation() -> None:
    """If operators handle both conversations, the operator of the owner's conversation keeps it."""
    store = MemoryStore()
    async with opened(store) as conversations:
        conversations.get("owner").owner = "subject"
        for sender_id, operator in (("owner", BO), ("visitor", ADA)):
            await say(conversations, "hello", sender_id)
            await handling.take(conversations.get(sender_id), operator)
        await merge(conversations)
        assert await handler_of(store, "owner") == "Bo"
        _, tracker = await conversations.get("owner").record.load()
        assert tracker.state.paused
        joined = [one.event for one in await store.entries("owner") if isinstance(one.event, OperatorJoined)]
        assert [event.operator for event in joined] == [BO]
        with pytest.raises(HandlerConflict):
            await handling.take(conversations.get("owner"), ADA)


async def test_claim_of_an_unused_conversation_is_not_undone_by_another_server() -> None:
    """A server that knows the conversation as anonymous and empty cannot append to it any more."""
    store = MemoryStore()
    async with opened(store) as one, opened(store) as other:
        empty = await one.create("visitor")
        other.get("visitor").record.assume_empty(empty)  # a page has joined it on the other server
        assert await Claims(one, "keep").claim("visitor", "subject") == "visitor"
        claimed = await store.head("visitor")
        assert claimed is not None

        def confirm(head: Head) -> None:
            if head.owner is not None:
                raise RequestError("forbidden", "no access", status=403)

        ticket = other.get("visitor").submit(message("hello", "visitor"), confirm=confirm)
        with pytest.raises(RequestError, match="no access"):
            await ticket.accepted
        assert await store.head("visitor") == claimed


@pytest.mark.parametrize("during", ["entries", "erase"])
async def test_message_on_another_server_during_the_merge_is_not_lost(during: str) -> None:
    """It is rejected, so that its sender repeats it, or it is in the owner's conversation."""

    class Racing(MemoryStore):
        accepted: bool | None = None

        async def _race(self, method: str) -> None:
            if method == during and self.accepted is None:
                self.accepted = False
                ticket = other.get("visitor").submit(message("count", "visitor"))
                try:
                    await ticket.accepted
                except RequestError:
                    return
                self.accepted = True

        async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
            found = await super().entries(sender_id, after=after, limit=limit)
            await self._race("entries" if sender_id == "visitor" else "")
            return found

        async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
            await self._race("erase")
            return await super().erase(sender_id, new_epoch=new_epoch)

    store = Racing()
    async with visited(store) as (one, other):
        await merge(one)
        page = await store.page("owner", limit=10)

    assert page is not None
    assert store.accepted is not None
    assert ("count" in shown(list(page.entries))) is store.accepted
    assert await store.head("visitor") is None


async def test_failed_merge_leaves_the_conversation_usable() -> None:
    """If the copy cannot be written, another server can continue the anonymous conversation immediately."""

    class Failing(MemoryStore):
        async def move_files(self, sender_id: str, new_sender_id: str) -> None:
            raise StoreError("store_unavailable", f"cannot move files from {sender_id} to {new_sender_id}")

    store = Failing()
    async with visited(store) as (one, other):
        with pytest.raises(StoreError):
            await merge(one)
        assert shown(await say(other, "hello", "visitor")) == ["hello", "Hello."]
