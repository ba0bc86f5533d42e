"""Conversations that have not changed for `retention_days` are removed."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from manent.runtime.background.retention import DAY_S, Retention
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk, turn

KEPT = 90


async def test_conversations_are_removed_after_ninety_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation is removed ninety days after its last event. Newer conversations remain."""
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    old = await talk(store, empty("old"), 3, snapshot_every=1)
    young = await talk(store, empty("young"), 3)
    rested = replace(young, updated=young.updated + 30 * DAY_S)
    await store.append(turn(rested))

    async def names_at(days: float) -> list[str]:
        """Return the conversations that remain after the first removal at this time."""
        over = asyncio.Event()

        async def purge(*, older_than: float) -> int:
            count = await SqliteStore.purge(store, older_than=older_than)
            over.set()
            return count

        monkeypatch.setattr(store, "purge", purge)
        retention = Retention(store, KEPT, now=lambda: old.updated + days * DAY_S)
        await retention.open()
        await over.wait()
        await retention.close()
        return [head.sender_id for head in await store.conversations()]

    assert await names_at(89.9) == ["old", "young"]
    assert await names_at(90.1) == ["young"]
    assert await names_at(120.1) == []
    await store.close()
    with closing(sqlite3.connect(tmp_path / "conversations.db")) as database:
        for table in ("events", "accepted", "snapshots", "reminders"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608


async def test_nothing_is_removed_without_the_option(tmp_path: Path) -> None:
    """Without `retention_days`, the oldest conversation remains."""
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    await talk(store, empty("old"), 1)
    retention = Retention(store, None, now=lambda: 1e12)
    await retention.open()
    await asyncio.sleep(0.05)
    await retention.close()

    assert len(await store.conversations()) == 1
    await store.close()
