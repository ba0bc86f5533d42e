"""The task that reads the logs for the desk."""

from typing import Any

import pytest

from manent.desk import reader
from manent.desk.reader import Reader
from manent.desk.reading import advance
from manent.stores.desk.tables import open_desk_tables
from manent.stores.memory import MemoryStore
from support.small_talk import opened, say


async def test_conversation_that_cannot_be_read_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault is logged, and the desk lists the other conversations of the same batch."""

    def broken(head: Any, *more: Any, **options: Any) -> Any:
        if head.sender_id == "ada":
            raise TypeError("broken")
        return advance(head, *more, **options)

    monkeypatch.setattr(reader, "advance", broken)
    store = MemoryStore()
    desk = open_desk_tables(store)
    async with opened(store) as conversations:
        reading = Reader(store, desk)
        conversations.engine.log_readers.append(reading.note)
        for sender_id in ("ada", "bob"):
            await say(conversations, "hello", sender_id)
        for _ in range(3):
            await reading.catch_up()
            reading.note("ada")
        rows = await desk.rows(["ada", "bob"])

    assert list(rows) == ["bob"]
    assert caplog.text.count("TypeError: broken") == 1
