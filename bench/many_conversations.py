"""Compare the operations on a store that has many conversations with those on a store that has few.

    python bench/many_conversations.py [--sizes 1000,1000000] [--rounds 20]

For each size, the program creates a SQLite store with copies of one conversation of four events, and measures each
operation: median time, and for whole commands the time and the peak memory of the process. The cost of a page, of a
message and of each background search must not depend on the size. Export reads everything, so its time grows with the
size, but its memory must not.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from manent.core.conversation_log import Lease
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, turn

FIRST = "visitor 00000000"
NOW = time.time()


async def fill(path: Path, size: int) -> None:
    """Create a store with `size` conversations. All are copies of the first one, with other ids."""
    store = SqliteStore(path, durability="process")
    await store.open()
    await store.begin_publishing()
    await store.append(turn(empty(FIRST, epoch="e" * 16), "hello", message_id="m"))
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE conversations SET open_turn = 0, updated = ?", (NOW,))
        for table, key in (("conversations", "id"), ("events", "conversation_id")):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            copied = ", ".join(
                {"sender_id": "printf('visitor %08d', n)", key: f"{key} + n"}.get(column, column) for column in columns
            )
            connection.execute(
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"  # noqa: S608  # constants
                f" INSERT INTO {table} ({', '.join(columns)}) SELECT {copied} FROM numbers, {table}",
                (size - 1,),
            )


async def median_ms(work: Callable[[], Awaitable[Any]], rounds: int) -> float:
    """Return the median time of an operation, in milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


async def operations(path: Path, size: int, rounds: int) -> dict[str, float]:
    """Return the median times of the operations of a server, in milliseconds."""
    store = SqliteStore(path, durability="process")
    await store.open()
    middle = f"visitor {size // 2:08}"
    lease = Lease(owner="host:1:2:3", until=NOW + 1e6)
    head = await store.head(middle)
    assert head is not None

    async def append() -> None:
        nonlocal head
        assert head is not None
        one = turn(head, "hello again")
        await store.append(replace(one, head=replace(one.head, open_turn=False)))
        head = one.head

    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "append a turn": append,
        "load a conversation": lambda: store.load(middle),
        "a page of the list": lambda: store.conversations(after=middle, limit=100),
        "search for open turns": lambda: store.unfinished(now=NOW),
        "search for due reminders": lambda: store.due_reminders(now=NOW),
        "search for handled conversations": lambda: store.handled("queue"),
        "a page of the broker's search": lambda: store.behind(after=middle, limit=1000),
        "claim a publishing cursor": lambda: store.claim([middle], lease, now=NOW),
        "retention without old conversations": lambda: store.purge(older_than=NOW - 1e6),
    }
    found = {name: await median_ms(each, rounds) for name, each in work.items()}
    await store.close()
    return found


def command(arguments: Sequence[str], project: Path) -> tuple[float, float]:
    """Run a command of Manent. Return its time in seconds, and its peak memory in MiB."""
    began = time.perf_counter()
    with (project / "output.txt").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "manent", *arguments], cwd=project, stdout=output)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"manent {' '.join(arguments)} failed with status {process.returncode}")
    return time.perf_counter() - began, used.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,1000000")
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    for size in (int(one) for one in chosen.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            path = project / "conversations.db"
            asyncio.run(fill(path, size))
            print(f"{size:,} conversations, {path.stat().st_size / 1e6:,.0f} MB")
            for name, ms in asyncio.run(operations(path, size, chosen.rounds)).items():
                print(f"  {name:40} {ms:10.2f} ms")
            for arguments in (["conversations", "list", "--limit", "100"], ["conversations", "export"]):
                seconds, mib = command(arguments, project)
                print(f"  manent {' '.join(arguments):33} {seconds:10.2f} s {mib:8.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
