"""The queue behaves like `asyncio.Queue` where the libraries use it."""

import asyncio

import pytest

from manent.channels.socketio.lean_queue import LeanQueue


async def test_items_come_in_order() -> None:
    """First in, first out, with and without waiting."""
    queue = LeanQueue[int]()
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    for number in (1, 2):
        queue.put_nowait(number)
    await queue.put(3)
    assert await waiting == 1
    assert (queue.qsize(), queue.empty()) == (2, False)
    queue.task_done()
    await queue.join()

    assert [await queue.get(), queue.get_nowait(), queue.empty()] == [2, 3, True]


async def test_several_readers_are_served_in_the_order_they_came() -> None:
    """Each gets one item."""
    queue = LeanQueue[int]()
    readers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(3):
        queue.put_nowait(number)

    assert await asyncio.gather(*readers) == [0, 1, 2]


@pytest.mark.parametrize("is_woken", [True, False])
async def test_a_cancelled_reader_loses_nothing(*, is_woken: bool) -> None:
    """The item goes to the next reader, also if the cancelled one was about to get it."""
    queue = LeanQueue[str]()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    if is_woken:
        queue.put_nowait("item")
    first.cancel()
    if not is_woken:
        await asyncio.sleep(0)
        queue.put_nowait("item")

    assert await asyncio.wait_for(second, 1) == "item"
    assert first.cancelled()
