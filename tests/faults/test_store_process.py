"""A SQLite store that has much to do: a process of its own writes the appends, and what happens when it cannot."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from manent.core.conversation_log import CancelReminders, Head, Reminder, View
from manent.core.errors import StoreError
from manent.runtime.ports.store import DuplicateMessage, VersionConflict
from manent.stores.sqlite import process_main
from manent.stores.sqlite.file import connect
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk, turn

HERE = Path(__file__).parent


def writers(of: int | None = None) -> list[psutil.Process]:
    """The writing processes of a process, this one unless another is named."""
    name = process_main.__name__
    return [one for one in psutil.Process(of).children() if name in one.cmdline()]


async def until_taken_over(store: SqliteStore) -> psutil.Process:
    """Append until the process writes; return it."""
    head = empty("somebody")
    writer = store._writer
    assert writer is not None
    async with asyncio.timeout(20):
        while writer._process is None:
            head = await talk(store, head, 1)
    (process,) = writers()
    return process


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store whose process starts with the first append."""
    opened = SqliteStore(tmp_path / "store.db", process_from=1)
    await opened.open()
    yield opened
    await opened.close()


async def test_it_can_be_ready_before_the_server_expects_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process takes over also if it is ready before the server has set up the connection."""
    loop = asyncio.get_running_loop()
    connect_now = loop.create_unix_connection

    async def connect_slowly(*arguments: Any, **options: Any) -> Any:
        made = await connect_now(*arguments, **options)
        await asyncio.sleep(3)
        return made

    monkeypatch.setattr(loop, "create_unix_connection", connect_slowly)
    await until_taken_over(store)


async def test_it_starts_when_much_comes_at_once_and_ends_with_the_store(tmp_path: Path) -> None:
    """One at a time needs no process; eight at once do. What it writes is what the thread would have written."""
    store = SqliteStore(tmp_path / "store.db", process_from=8)
    await store.open()
    for number in range(5):
        await store.append(turn(empty(f"early {number}")))
    assert writers() == []

    heads = await asyncio.gather(*(talk(store, empty(f"visitor {n}"), 40, snapshot_every=3) for n in range(8)))
    assert len(writers()) == 1
    for head in heads:
        loaded = await store.load(head.sender_id)
        assert loaded is not None
        assert loaded.head == head
        assert loaded.snapshot is not None
        assert loaded.snapshot.data == b"state 39"
    await store.close()

    assert writers() == []


async def test_each_append_of_a_batch_fails_alone(store: SqliteStore) -> None:
    """Conflicts and used ids in a batch are told to whom they concern; the rest of the batch is written."""
    await until_taken_over(store)
    heads = [turn(empty(f"visitor {n}"), message_id="m1").head for n in range(6)]
    await asyncio.gather(*(store.append(turn(empty(f"visitor {n}"), message_id="m1")) for n in range(6)))

    appends = [turn(head, message_id=f"m{n}") for n, head in enumerate(heads)]
    appends[2] = turn(replace(heads[2], version=0, visible=0), message_id="other")
    answers = await asyncio.gather(*map(store.append, appends), return_exceptions=True)

    assert isinstance(answers[1], DuplicateMessage)
    assert isinstance(answers[2], VersionConflict)
    assert [answer for n, answer in enumerate(answers) if n not in (1, 2)] == [None] * 4
    found = [await store.head(f"visitor {n}") for n in range(6)]
    assert [head and head.version for head in found] == [8, 4, 4, 8, 8, 8]


async def test_what_cannot_be_sent_fails_alone(store: SqliteStore) -> None:
    """A text that is no Unicode and a number that is too large are errors of theirs; the rest is written."""
    await until_taken_over(store)
    appends = [turn(empty(f"visitor {n}")) for n in range(5)]
    first = appends[1].entries[0]
    view = View(prev=0, title="\ud800")
    appends[1] = replace(appends[1], entries=(replace(first, view=view), *appends[1].entries[1:]))
    appends[3] = replace(appends[3], head=replace(appends[3].head, plain_seq=1 << 70))
    answers = await asyncio.gather(*map(store.append, appends), return_exceptions=True)

    assert [type(answer) for answer in answers] == [type(None), StoreError, type(None), StoreError, type(None)]
    assert {head.sender_id for head in await store.conversations()} == {
        "somebody",
        "visitor 0",
        "visitor 2",
        "visitor 4",
    }


async def test_work_of_other_kinds_goes_between_the_appends(store: SqliteStore) -> None:
    """Reminders, erasures and values are written by the thread, while others' appends go on."""
    await until_taken_over(store)
    busy = asyncio.gather(*(talk(store, empty(f"visitor {n}"), 30) for n in range(5)))
    reminder = Reminder(sender_id="ada", name="tea", seq=1, due=1.0, intent="drink")
    first = turn(empty("ada"))
    await store.append(replace(first, reminders=(reminder,)))
    assert await store.next_reminder() == 1.0
    await store.append(replace(turn(first.head), reminders=(CancelReminders(),)))
    assert await store.next_reminder() is None
    assert await store.put_meta("key", b"value") == b"value"
    assert await store.erase("ada", new_epoch="e2")
    await store.append(turn(empty("ada", "e2")))
    await busy

    assert {head.version for head in await store.conversations() if head.sender_id.startswith("visitor")} == {120}


async def test_appends_of_one_conversation_stay_in_order(store: SqliteStore) -> None:
    """Several that are submitted together, each on top of the one before, are all written."""
    await until_taken_over(store)
    appends, head = [], empty()
    for number in range(20):
        append = turn(head, f"message {number}")
        appends.append(replace(append, reminders=(CancelReminders(),)) if number % 7 == 3 else append)
        head = append.head
    await asyncio.gather(*map(store.append, appends))

    assert await store.head("ada") == head


async def test_killed_process_loses_nothing_that_was_acknowledged(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Appends under way may fail as with a failing disk; then the thread writes, and somebody is told."""
    process = await until_taken_over(store)
    acknowledged: dict[str, Head] = {}
    failures: list[StoreError] = []

    async def visit(name: str) -> None:
        head = empty(name)
        for number in range(60):
            append = turn(head, f"message {number}")
            try:
                await store.append(append)
            except StoreError as error:
                failures.append(error)
                found = await store.head(name)
                head = empty(name) if found is None else found
                continue
            head = acknowledged[name] = append.head
            if name == "visitor 0" and number == 20:
                os.kill(process.pid, signal.SIGKILL)

    with caplog.at_level(logging.ERROR, "manent.store"):
        await asyncio.gather(*(visit(f"visitor {n}") for n in range(6)))

    assert {error.code for error in failures} <= {"store_io"}
    assert len(failures) <= 6
    assert "the writing process ended" in caplog.text
    for name, head in acknowledged.items():
        found = await store.head(name)
        assert found is not None
        assert found.version == head.version
        entries = await store.entries(name)
        assert [entry.seq for entry in entries] == list(range(1, head.version + 1))
    assert writers() == []


async def test_without_a_process_the_thread_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A system that allows no more processes is said once, and costs nothing but speed."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    store = SqliteStore(tmp_path / "store.db", process_from=1)
    await store.open()
    head = await talk(store, empty(), 30)
    await store.close()

    await store.open()
    assert await store.head("ada") == head
    await store.close()
    assert caplog.text.count("could not start the writing process") == 1


async def test_locked_database_is_waited_for(store: SqliteStore, tmp_path: Path) -> None:
    """While another program holds the write lock, appends wait; then they are written."""
    await until_taken_over(store)
    with closing(connect(tmp_path / "store.db", durability="process")) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.gather(*(store.append(turn(empty(f"visitor {n}"))) for n in range(5)))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        other.execute("ROLLBACK")
    await asyncio.wait_for(waiting, 20)

    assert len(await store.conversations()) == 6


def test_it_ends_when_its_server_is_killed(tmp_path: Path) -> None:
    """Nothing is left of a server that is killed, though its process ignores the terminal's signals."""
    code = (
        "import asyncio, pathlib, sys; sys.path.insert(0, sys.argv[2]); from manent.testing.logs import *\n"
        "from manent.stores.sqlite.store import SqliteStore\n"
        "async def main():\n"
        "    store = SqliteStore(pathlib.Path(sys.argv[1]), process_from=1); await store.open(); head = empty()\n"
        "    while True: head = await talk(store, head, 1); print(head.version, flush=True)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "store.db"), str(HERE.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        found: list[psutil.Process] = []
        while not found:
            assert server.stdout.readline()
            found = writers(server.pid)
        for _ in range(500):  # while it starts, and when it has begun
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                found[0].send_signal(number)
            assert server.stdout.readline()
        assert found[0].is_running()
        server.kill()
        _, alive = psutil.wait_procs(found, timeout=10)
        assert alive == []
