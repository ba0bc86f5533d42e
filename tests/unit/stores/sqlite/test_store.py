"""The SQLite store's own: settings, batches, checkpoints, cost that does not grow."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Head
from manent.stores.operation import Operation
from manent.stores.sqlite import appends, checkpointer, rows
from manent.stores.sqlite import store as sqlite_store
from manent.stores.sqlite.file import connect
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk, turn


async def open_store(path: Path, batches: list[int] | None = None) -> SqliteStore:
    """An open store that notes how much was in each commit."""
    store = SqliteStore(path, observe=lambda size, _: (batches if batches is not None else []).append(size))
    await store.open()
    return store


@pytest.mark.parametrize(("durability", "synchronous"), [("disk", 2), ("process", 1)])
async def test_connections_are_set_up(tmp_path: Path, durability: str, synchronous: int) -> None:
    """Every connection has the durability that was asked for, in WAL mode, overwriting what it deletes."""
    store = SqliteStore(tmp_path / "store.db", durability=durability)
    await store.open()
    with closing(connect(tmp_path / "store.db", durability=durability)) as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode", "secure_delete", "wal_autocheckpoint")
        }
    await store.close()

    assert settings == {
        "synchronous": synchronous,
        "journal_mode": "wal",
        "secure_delete": 1,
        "wal_autocheckpoint": 0,
    }


async def test_appends_made_together_share_a_commit(tmp_path: Path) -> None:
    """What is queued while a commit runs goes into the next one, all of it."""
    batches: list[int] = []
    store = await open_store(tmp_path / "store.db", batches)
    heads = await asyncio.gather(*(talk(store, empty(f"visitor {n}"), 5) for n in range(50)))
    await store.close()

    assert len({head.sender_id for head in heads}) == 50
    assert sum(batches) == 250
    assert len(batches) < 50


async def test_closing_waits_for_a_queue_that_is_held_up(tmp_path: Path) -> None:
    """Work that waits behind a lock when the store is closed is written all the same."""
    store = await open_store(tmp_path / "store.db")
    await store.create(empty("first"))
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        appends = [asyncio.create_task(store.append(turn(empty(f"visitor {n}")))) for n in range(3)]
        await asyncio.sleep(0.05)
        appends += [asyncio.create_task(store.append(turn(empty(f"late {n}")))) for n in range(3)]
        await asyncio.sleep(0)
        shutting = asyncio.create_task(store.close())
        await asyncio.sleep(0.05)
        assert not any(append.done() for append in appends)
        other.execute("ROLLBACK")
        await asyncio.gather(*appends, shutting)

    await store.open()
    assert len(await store.conversations()) == 7
    await store.close()


async def test_one_turn_is_one_commit(tmp_path: Path) -> None:
    """A lone appender makes one commit per append and none besides."""
    batches: list[int] = []
    store = await open_store(tmp_path / "store.db", batches)
    await talk(store, empty(), 7, snapshot_every=2)
    await store.close()

    assert batches == [1] * 7


async def test_statements_of_an_append_do_not_grow(tmp_path: Path) -> None:
    """The hundredth append runs as many statements as the first one; with a snapshot, two more that thin the old."""
    store = await open_store(tmp_path / "store.db")
    await store.close()
    counts: list[int] = []
    with closing(connect(tmp_path / "store.db", durability="process")) as connection:
        cursor = connection.cursor()
        head = empty()
        conversation_id = appends.insert_head(cursor, head)
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        for number in range(100):
            append = turn(head, f"message {number}", message_id=f"m{number}", snapshot=b"state" if number % 2 else None)
            work = appends.append_work(append)
            statements.clear()
            appends.append_together(cursor, [(conversation_id, work)])
            counts.append(len(statements))
            head = append.head

    assert counts[::2] == [3] * 50
    assert counts[1] == 5
    assert set(counts[3::2]) <= {5, 6}


async def test_reads_and_writes_use_indexes(tmp_path: Path) -> None:
    """No statement of a turn looks through a whole table."""
    store = await open_store(tmp_path / "store.db")
    await talk(store, empty(), 1)
    await store.close()
    before, after = rows.UPDATE_HEADS
    head = "SELECT version FROM conversations WHERE "
    statements = [
        before + f"({','.join('1' * 18)})" + after,
        f"SELECT seq {sqlite_store._EVENTS_OF} AND seq > 3 ORDER BY seq LIMIT 2".replace("?", "'ada'"),
        f"SELECT seq {sqlite_store._EVENTS_OF} AND seq < 3 AND prev IS NOT NULL ORDER BY seq DESC".replace(
            "?", "'ada'"
        ),
        head + "sender_id = 'ada'",
        head + "owner = 'o' ORDER BY updated DESC, sender_id LIMIT 3",
        head + "handler = 'queue' AND sender_id > 'a' ORDER BY sender_id LIMIT 3",
        head + "open_turn AND (lease_until IS NULL OR lease_until <= 5) ORDER BY updated, sender_id LIMIT 3",
    ]
    with closing(connect(tmp_path / "store.db", durability="process")) as connection:
        for statement in statements:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [line for line in plan if line.startswith("SCAN") and "CONSTANT" not in line and "new" not in line]
            assert scans in ([], ["SCAN conversations USING INDEX ix_conversations_open"]), (statement, plan)


async def test_write_ahead_log_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are made beside the writing: however much is written, the log becomes short again by itself."""
    monkeypatch.setattr(checkpointer, "COPY_AFTER_BYTES", 100_000)
    monkeypatch.setattr(checkpointer, "TRUNCATE_AFTER_BYTES", 400_000)
    monkeypatch.setattr(checkpointer, "CHECK_AFTER_APPENDS", 10)
    store = SqliteStore(tmp_path / "store.db", durability="process")
    await store.open()
    log = tmp_path / "store.db-wal"
    head = empty()
    for burst in range(3):
        for number in range(100):
            append = turn(head, f"message {burst} {number} " + "long " * 200)
            await store.append(append)
            head = append.head
        assert await asyncio.to_thread(gets_short, log)
    entries = await store.entries("ada")
    await store.close()

    assert [entry.seq for entry in entries] == list(range(1, 1201))


def gets_short(log: Path) -> bool:
    """Whether the log becomes no longer than ten appends beyond its limit, without further writing, in a minute."""
    until = time.monotonic() + 60
    while log.stat().st_size > 800_000 and time.monotonic() < until:
        time.sleep(0.01)
    return log.stat().st_size <= 800_000


@pytest.mark.parametrize("turns", [3, 60])
async def test_erased_bytes_are_gone_from_the_files(tmp_path: Path, turns: int) -> None:
    """After an erase no file of the store holds a word, a name or a message id of the conversation."""
    store = await open_store(tmp_path / "store.db")
    heads = {name: empty(name) for name in ("ada-the-erased", "bob", "cyd", "dan")}
    for number in range(turns):
        for name, head in heads.items():
            said = f"{name} said something secret {number} " * (1 + number % 40)
            append = turn(head, said, message_id=f"{name}-{number}", snapshot=said.encode() * 3)
            await store.append(append)
            heads[name] = append.head
    assert b"ada-the-erased" in everything(tmp_path)
    await store.erase("ada-the-erased", new_epoch=None)

    found = everything(tmp_path)
    assert b"ada-the-erased" not in found
    assert found.count(b"bob said something secret") > turns
    assert await store.head("bob") == heads["bob"]
    await store.close()
    assert b"ada-the-erased" not in everything(tmp_path)


async def test_erase_in_place_and_replacement_leave_no_bytes(tmp_path: Path) -> None:
    """The words of a log that was erased in place, replaced or purged are gone from the files as well."""
    store = await open_store(tmp_path / "store.db")
    for name in ("erased", "replaced", "purged"):
        await talk(store, replace(empty(name), updated=1.0 if name == "purged" else 1e9), 2)
        head = await store.head(name)
        assert head is not None
        await store.append(turn(head, f"secret of {name}", snapshot=b"secret of " + name.encode()))
    other = turn(Head(sender_id="replaced", epoch="e2", updated=1e9), "other")
    await store.replace(other, expected_epoch="e1", expected_version=12)
    assert b"secret of replaced" not in everything(tmp_path)
    assert await store.purge(older_than=100.0) == 1
    await store.erase("erased", new_epoch="e2")

    assert b"secret of" not in everything(tmp_path)
    assert await store.head("replaced") is not None
    await store.close()


def everything(folder: Path) -> bytes:
    """All bytes of all files in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


async def test_fault_in_one_piece_of_work_does_not_undo_others(tmp_path: Path) -> None:
    """An operation that raises an unexpected error fails alone; an append in the same commit is written."""

    def faulty() -> Operation[None]:
        yield ("INSERT INTO meta (name, value) VALUES ($1, $2)", ("faulty", b""))
        raise IndexError("a fault")

    store = await open_store(tmp_path / "store.db")
    head = await talk(store, empty("ada"), 1)
    failed, written = await asyncio.gather(
        store.run_operation(faulty()), store.append(turn(head)), return_exceptions=True
    )
    after, meta = await store.head("ada"), await store.get_meta("faulty")
    await store.close()

    assert isinstance(failed, IndexError)
    assert written is None
    assert after is not None
    assert after.version > head.version
    assert meta is None
