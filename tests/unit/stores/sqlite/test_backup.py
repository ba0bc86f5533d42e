"""Copies of a store that is in use."""

import asyncio
from pathlib import Path

import pytest

from manent.core.errors import StoreError
from manent.stores.sqlite.backup import backup_sqlite
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk


def files(folder: Path) -> list[str]:
    """Names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_backup_while_somebody_writes(tmp_path: Path) -> None:
    """A copy made under writes opens by itself, and each log in it is whole up to its version."""
    store = SqliteStore(tmp_path / "store.db", durability="process")
    await store.open()
    before = await talk(store, empty("bob"), 30)
    writing = asyncio.create_task(talk(store, empty(), 40))
    await asyncio.sleep(0.01)
    size = await asyncio.to_thread(backup_sqlite, tmp_path / "store.db", tmp_path / "copy.db")
    await writing
    await store.close()

    assert size == (tmp_path / "copy.db").stat().st_size
    assert files(tmp_path) == ["copy.db", "store.db"]
    copy = SqliteStore(tmp_path / "copy.db")
    await copy.open()
    assert await copy.head("bob") == before
    head = await copy.head("ada")
    entries = await copy.entries("ada")
    assert [entry.seq for entry in entries] == list(range(1, (head.version if head else 0) + 1))
    await copy.close()


async def test_backup_replaces_nothing(tmp_path: Path) -> None:
    """A missing source and an existing target are refused, each with its code."""
    with pytest.raises(StoreError) as missing:
        backup_sqlite(tmp_path / "store.db", tmp_path / "copy.db")
    assert missing.value.code == "store_missing"
    (tmp_path / "store.db").touch()
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(StoreError) as exists:
        backup_sqlite(tmp_path / "store.db", tmp_path / "copy.db")

    assert exists.value.code == "backup_exists"
    assert (tmp_path / "copy.db").read_text() == "precious"


async def test_backup_to_nowhere_leaves_nothing(tmp_path: Path) -> None:
    """A copy that cannot be written is an error of the store's, not a traceback of SQLite's."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    with pytest.raises(StoreError) as refused:
        backup_sqlite(tmp_path / "store.db", tmp_path / "no" / "folder" / "copy.db")
    await store.close()

    assert refused.value.code == "store_unreachable"
