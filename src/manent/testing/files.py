"""The test suite for the records of visitors' files, which every store must pass.

Import the tests and the fixture `store` of `manent.testing.stores`.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from manent.core.errors import RequestError
from manent.core.visitor_file import VisitorFile
from manent.runtime.ports.store import ConversationStore
from manent.testing.logs import MakeStore, empty, turn

NOW = 1_000.0
HOUR = 3_600.0
pytestmark = pytest.mark.asyncio


def file(file_id: str = "f1", sender_id: str = "ada", **more: Any) -> VisitorFile:
    """Return the record of a file of 10 bytes."""
    values = {"name": "cat.png", "mime": "image/png", "size": 10, "created": NOW, **more}
    return VisitorFile(file_id=file_id, sender_id=sender_id, **values)


async def add(store: ConversationStore, one: VisitorFile, *, max_files: int = 100, max_total: int = 10_000) -> None:
    """Write the record of an arriving file, which is removed after an hour."""
    await store.add_file(one, remove_at=one.created + HOUR, max_files=max_files, max_total=max_total)


async def upload(store: ConversationStore, one: VisitorFile) -> VisitorFile:
    """Write the record of a ready file, which is removed after an hour."""
    await add(store, one)
    assert await store.finish_file(one, remove_at=one.created + HOUR)
    return one


async def removed(store: ConversationStore, now: float, *, created_before: float | None = None) -> list[str]:
    """Return the ids of the files whose bytes must be removed."""
    return await store.take_removed_files(now=now, created_before=created_before, limit=100)


async def test_a_file_is_found_when_it_is_ready(make_store: MakeStore) -> None:
    """An arriving file is not found. A ready file has its final name, type and size, even after a restart."""
    store = make_store()
    await store.open()
    await add(store, file(size=1_000))
    assert await store.find_file("f1") is None
    assert await store.finish_file(file(name="dog.pdf", mime="application/pdf", size=7), remove_at=NOW + HOUR)
    await store.close()

    store = make_store()
    await store.open()
    assert await store.find_file("f1") == file(name="dog.pdf", mime="application/pdf", size=7)
    assert await store.find_file("f2") is None
    assert not await store.finish_file(file("f2"), remove_at=NOW + HOUR)
    await store.close()


async def test_number_and_size_of_files_are_limited(store: ConversationStore) -> None:
    """A conversation has a maximum number of files, and all of its files together have a maximum size."""
    await add(store, file("f1"), max_files=1)
    for one, limits in ((file("f2"), {"max_files": 1}), (file("f3", "eve"), {"max_total": 19})):
        with pytest.raises(RequestError) as error:
            await add(store, one, **limits)
        assert error.value.code == "too_many_files"
    await add(store, file("f3", "eve"), max_files=1, max_total=20)


async def test_concurrent_files_are_limited(store: ConversationStore) -> None:
    """Concurrent uploads do not exceed the maximum number."""
    found = await asyncio.gather(
        *(add(store, file(f"f{number}"), max_files=3) for number in range(8)), return_exceptions=True
    )
    assert sum(one is None for one in found) == 3


async def test_an_unused_file_is_removed_after_an_hour(store: ConversationStore) -> None:
    """A file that no message names, and an upload that did not finish, are removed at their removal time."""
    await upload(store, file("ready"))
    await add(store, file("arriving"))
    assert await removed(store, NOW + HOUR - 1) == []
    assert sorted(await removed(store, NOW + HOUR)) == ["arriving", "ready"]
    assert await store.find_file("ready") is None
    assert not await store.finish_file(file("arriving"), remove_at=NOW + 2 * HOUR)

    assert sorted(await removed(store, NOW + HOUR)) == ["arriving", "ready"], "until their records are deleted"
    await store.forget_files(["arriving"])
    assert await removed(store, NOW + HOUR) == ["ready"]


async def test_a_file_of_an_accepted_message_remains(store: ConversationStore) -> None:
    """A file remains if the conversation accepts the message, and is removed if it does not."""
    await upload(store, file("f1"))
    await upload(store, file("f2"))
    assert await store.attach_files("ada", "m1", ["f1"], remove_at=NOW + HOUR) == [file("f1")]
    await store.attach_files("ada", "m2", ["f2"], remove_at=NOW + HOUR)
    await store.append(turn(empty("ada"), message_id="m1"))

    assert await removed(store, NOW + HOUR) == ["f2"]
    assert await removed(store, NOW + 100 * HOUR) == ["f2"]
    assert await store.find_file("f1") == file("f1")


async def test_a_file_belongs_to_one_message(store: ConversationStore) -> None:
    """A client that sends a message again can refer to the same files.

    Another message can refer only to the files of rejected messages.
    """
    await upload(store, file("f1"))
    await upload(store, file("f2"))
    await store.attach_files("ada", "rejected", ["f1"], remove_at=NOW + HOUR)
    for _ in range(2):
        assert len(await store.attach_files("ada", "m1", ["f1", "f2"], remove_at=NOW + HOUR)) == 2
    await store.append(turn(empty("ada"), message_id="m1"))

    assert len(await store.attach_files("ada", "m1", ["f1", "f2"], remove_at=NOW + HOUR)) == 2
    with pytest.raises(RequestError) as error:
        await store.attach_files("ada", "m2", ["f1"], remove_at=NOW + HOUR)
    assert error.value.code == "unknown_file"
    assert await removed(store, NOW + 100 * HOUR) == []


@pytest.mark.parametrize("wrong", ["eves", "arriving", "none", "a\0b"])
async def test_files_of_others_cannot_be_attached(store: ConversationStore, wrong: str) -> None:
    """Messages can name only ready files of their conversation. After an error, no file is reserved."""
    await upload(store, file("f1"))
    await upload(store, file("eves", "eve"))
    await add(store, file("arriving"))
    with pytest.raises(RequestError) as error:
        await store.attach_files("ada", "m1", ["f1", wrong], remove_at=NOW + 9 * HOUR)
    assert error.value.code == "unknown_file"
    assert "f1" in await removed(store, NOW + HOUR)


@pytest.mark.parametrize("way", ["erase", "purge"])
async def test_erasing_removes_files(store: ConversationStore, way: str) -> None:
    """Erasing and purging remove a conversation's files immediately, and files of uploads at their removal time."""
    await upload(store, file("used"))
    await upload(store, file("unused"))
    await upload(store, file("eves", "eve"))
    await add(store, file("arriving"))
    await store.attach_files("ada", "m1", ["used"], remove_at=NOW + HOUR)
    await store.append(turn(empty("ada"), message_id="m1"))
    if way == "erase":
        await store.erase("ada", new_epoch="e2")
    else:
        await store.purge(older_than=1e12)

    assert await store.find_file("used") is None
    assert not await store.finish_file(file("arriving"), remove_at=NOW + HOUR)
    assert sorted(await removed(store, 1e12)) == ["arriving", "eves", "unused", "used"]


async def test_an_arriving_file_is_removed_late(store: ConversationStore) -> None:
    """An erase does not remove an arriving file before its time, because an upload can still write its bytes."""
    await add(store, file("arriving", created=4e9))
    await upload(store, file("ready", created=4e9))
    await store.erase("ada", new_epoch=None)
    assert await removed(store, 4e9) == ["ready"]
    assert sorted(await removed(store, 4e9 + HOUR)) == ["arriving", "ready"]


async def test_files_remain_when_a_log_is_replaced(store: ConversationStore) -> None:
    """A replaced log no longer contains the accepted messages, but the files remain."""
    await upload(store, file("f1"))
    await store.attach_files("ada", "m1", ["f1"], remove_at=NOW + HOUR)
    first = turn(empty("ada"), message_id="m1")
    await store.append(first)
    await store.replace(
        turn(replace(empty("ada"), epoch="e2")), expected_epoch="e1", expected_version=first.head.version
    )
    assert await removed(store, NOW + 100 * HOUR) == []
    assert await store.find_file("f1") == file("f1")


async def test_files_move_with_their_messages(store: ConversationStore) -> None:
    """Files of accepted messages move to another conversation.

    Erasing the first conversation then removes only its remaining files.
    """
    for name in ("used", "unused"):
        await upload(store, file(name))
    await store.attach_files("ada", "m1", ["used"], remove_at=NOW + HOUR)
    await store.append(turn(empty("ada"), message_id="m1"))
    await store.move_files("ada", "subject")
    await store.erase("ada", new_epoch=None)

    assert await removed(store, 1e12) == ["unused"]
    assert await store.find_file("used") == file("used", "subject")


async def test_old_files_are_removed(store: ConversationStore) -> None:
    """Files that were created before a time are removed, even those of accepted messages."""
    await upload(store, file("old"))
    await upload(store, file("new", created=NOW + 50))
    for name in ("old", "new"):
        await store.attach_files("ada", "m1", [name], remove_at=NOW + HOUR)
    await store.append(turn(empty("ada"), message_id="m1"))
    assert await removed(store, NOW + 60, created_before=NOW + 50) == ["old"]


async def test_removed_files_are_returned_in_pages(store: ConversationStore) -> None:
    """`limit` bounds the number of returned ids."""
    for number in range(5):
        await add(store, file(f"f{number}"))
    found = await store.take_removed_files(now=NOW + HOUR, created_before=None, limit=2)
    assert found == ["f0", "f1"]
