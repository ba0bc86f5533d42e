"""A full disk, a locked or unwritable file, a killed process: told to whoever waits, and over when the fault is."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from faults.small_disk import fill
from manent.core.errors import StoreError
from manent.stores.sqlite import connection
from manent.stores.sqlite import file as database_file
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk, turn

HERE = Path(__file__).parent


async def test_full_disk(small_disk: Path) -> None:
    """On a full disk each append fails with `store_full`; acknowledged ones stay; with space again all goes on."""
    store = SqliteStore(small_disk / "store.db")
    await store.open()
    heads = [await talk(store, empty(f"visitor {n}"), 2) for n in range(5)]
    filler = await asyncio.to_thread(fill, small_disk)
    failed = 0
    for number in range(60):  # the log's last page may still hold some
        appends = [turn(head, f"message {number} " + "long " * 500) for head in heads]
        results = await asyncio.gather(*(store.append(append) for append in appends), return_exceptions=True)
        for n, (append, result) in enumerate(zip(appends, results, strict=True)):
            if result is None:
                heads[n] = append.head
            else:
                assert isinstance(result, StoreError)
                assert result.code in ("store_full", "store_io")
                failed += 1
    assert failed > 200
    for head in heads:
        assert await store.head(head.sender_id) == head

    await asyncio.to_thread(filler.unlink)
    for head in heads:
        after = await talk(store, head, 2)
        assert [entry.seq for entry in await store.entries(head.sender_id)] == list(range(1, after.version + 1))
    await store.close()


async def test_file_that_may_not_grow(tmp_path: Path) -> None:
    """The same through SQLite's own limit, without a mount: `store_full` to all of the batch, then on as before."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    head = await talk(store, empty(), 1)
    await store._write(lambda cursor: cursor.execute("PRAGMA max_page_count = 1"))
    appends = [turn(empty(f"visitor {n}"), "long " * 5000) for n in range(5)]
    results = await asyncio.gather(*(store.append(append) for append in appends), return_exceptions=True)

    assert [isinstance(result, StoreError) and result.code for result in results] == ["store_full"] * 5
    await asyncio.gather(*(store.append(append) for append in appends))
    await talk(store, head, 1)
    await store.close()


@pytest.mark.slow
async def test_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds the file, writes fail with `store_locked` and reads go on; then all is well."""
    monkeypatch.setattr(database_file, "BUSY_TIMEOUT_S", 0.2)
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    head = await talk(store, empty(), 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for work in (store.append(turn(head)), store.erase("ada", new_epoch=None), store.put_meta("k", b"v")):
            with pytest.raises(StoreError) as refused:
                await work
            assert refused.value.code == "store_locked"
        assert await store.head("ada") == head
        other.execute("ROLLBACK")

    await store.append(turn(head))
    await store.close()


async def test_short_lock_is_waited_for(tmp_path: Path) -> None:
    """A lock that ends within the waiting time is no error."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        append = asyncio.create_task(store.append(turn(empty())))
        await asyncio.sleep(0.1)
        assert not append.done()
        other.execute("ROLLBACK")
        await append
    await store.close()


async def test_database_that_vanished(tmp_path: Path) -> None:
    """When the file's folder is gone, the store says so instead of writing into nowhere for ever."""
    folder = tmp_path / "data"
    store = SqliteStore(folder / "store.db")
    await store.open()
    await asyncio.to_thread(shutil.rmtree, folder)
    with pytest.raises(StoreError):
        await store.append(turn(empty()))
    await store.close()


async def test_damaged_database(tmp_path: Path) -> None:
    """A file whose pages were overwritten gives `store_corrupt`, and nothing else goes wrong."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    head = await talk(store, empty(), 500)
    await store.close()
    with (tmp_path / "store.db").open("r+b") as file:
        file.seek(120 * 4096)  # beyond the schema and the heads
        file.write(b"\xff" * 400_000)
    await store.open()
    with pytest.raises(StoreError) as refused:
        await store.entries("ada")

    assert refused.value.code == "store_corrupt"
    assert await store.head("ada") == head
    await store.close()


def wait_until_ended(processes: Sequence[psutil.Process]) -> None:
    """Wait until processes have ended; whoever inherits them may be slow to notice that they have."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)


@pytest.mark.parametrize("writer", ["thread", "process"])
async def test_killed_process(tmp_path: Path, writer: str) -> None:
    """A process killed in the middle of its appends leaves every acknowledged one, and logs without holes."""
    for number in range(3):
        folder = tmp_path / f"run {number}"
        await asyncio.to_thread(folder.mkdir)
        arguments = [str(folder / "store.db"), str(folder / "acks"), "8", "100000", "FULL", writer]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "store_load.py"), *arguments, env=environment
        )
        await asyncio.to_thread(wait_for_bytes, folder / "acks", 1000 * (number + 1))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await asyncio.to_thread(wait_until_ended, children)  # the one that writes may still have something in hand
        lines = (await asyncio.to_thread((folder / "acks").read_text)).splitlines()
        acknowledged = {name: int(version) for name, version in (line.split() for line in lines)}
        store = SqliteStore(folder / "store.db")
        await store.open()
        for name, version in acknowledged.items():
            entries = await store.entries(name)
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert len(entries) >= version
            await talk(store, await store.head(name) or empty(name), 1)
        await store.close()


def wait_for_bytes(path: Path, count: int) -> None:
    """Return when a file has grown that long, or after 30 seconds."""
    until = time.monotonic() + 30
    while (not path.exists() or path.stat().st_size < count) and time.monotonic() < until:
        time.sleep(0.005)


async def test_new_file_opened_by_many_at_once(tmp_path: Path) -> None:
    """Servers that start together on a new file all open it, and it is laid out once."""
    for number in range(10):
        stores = [SqliteStore(tmp_path / f"store{number}.db", durability="process") for _ in range(6)]
        await asyncio.gather(*(store.open() for store in stores))
        heads = await asyncio.gather(*(store.create(empty(epoch=f"e{n}")) for n, store in enumerate(stores)))
        assert len(set(heads)) == 1
        await asyncio.gather(*(store.close() for store in stores))


async def test_check_writable_on_a_read_only_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose file became read-only says so, also to a load balancer, and reads on."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    head = await talk(store, empty(), 1)
    await store.check_writable()

    opened = database_file.connect
    with monkeypatch.context() as patch:
        # Root may write to any file, so SQLite itself refuses instead.
        patch.setattr(
            connection, "connect", lambda path, *, durability: opened(path, durability=durability, read_only=True)
        )
        store._writing()._commits.discard()
        for _ in range(2):
            with pytest.raises(StoreError) as refused:
                await store.check_writable()
            assert refused.value.code == "store_readonly"
        assert await store.head("ada") == head
    store._writing()._commits.discard()
    await store.check_writable()
    await store.close()
