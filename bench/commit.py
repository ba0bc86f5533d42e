"""Measure an append's CPU time, and commits and appends per second, and compare the store with SQLite alone.

    python bench/commit.py [--seconds 2] [--folder .] [--durability disk|process] [--postgresql DSN]

An append has six events of about 2.7 kB, an accepted message and, in every tenth append, a snapshot. For comparison,
bare SQLite transactions insert five rows with the same settings. Both run on the same file system, one after the other,
in one process. The CPU time is measured for the whole process. The time for building the appends is measured separately
and subtracted.
"""

import argparse
import asyncio
import hashlib
import sqlite3
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from manent.core.conversation_log import Accepted, Append, Head, LogEntry, Snapshot, View
from manent.core.events import ActionExecuted, BotUttered, SlotSet, UserUttered
from manent.runtime.ports.store import ConversationStore
from manent.stores.postgresql.store import PostgresqlStore
from manent.stores.sqlite.store import SqliteStore

RANKING = [{"name": f"intent_{n}", "confidence": 0.1234567 / (n + 1)} for n in range(10)]
PARSE = {
    "text": "hello there",
    "intent": RANKING[0],
    "entities": [],
    "intent_ranking": RANKING,
    "text_tokens": [[0, 5], [6, 11]],
    "response_selector": {},
}
DATA = dict.fromkeys(("elements", "quick_replies", "buttons", "attachment", "image", "custom"))
META = {"model_id": "0123456789abcdef0123456789abcdef", "assistant_id": "bench"}


def turn(head: Head, number: int) -> Append:
    """Return a turn of six events. Each turn has a different text."""
    first, now = head.version + 1, time.time()
    text = f"message number {number}"
    user = UserUttered(
        timestamp=now, text=text, parse_data={**PARSE, "text": text}, input_channel="socketio", metadata=META
    )
    events = [
        user,
        ActionExecuted(timestamp=now, name="utter_greet", policy="RulePolicy", confidence=1.0, metadata=META),
        BotUttered(timestamp=now, text=f"You said {text}", data=DATA, metadata={**META, "utter_action": "utter_greet"}),
        SlotSet(timestamp=now, name="last", value=text, metadata=META),
        ActionExecuted(timestamp=now, name="action_note", policy="RulePolicy", confidence=1.0, metadata=META),
        ActionExecuted(timestamp=now, name="action_listen", policy="RulePolicy", confidence=1.0, metadata=META),
    ]
    views = {0: View(prev=head.visible), 2: View(prev=first)}
    entries = tuple(LogEntry(seq=first + n, event=event, view=views.get(n)) for n, event in enumerate(events))
    after = replace(head, version=first + 5, visible=first + 2, updated=now)
    accepted = Accepted(message_id=f"{number:032x}", seq=first, digest=hashlib.sha256(text.encode()).digest())
    snapshot = Snapshot(version=after.version, data=b"x" * 4000) if number % 10 == 0 else None
    return Append(head=after, expected_version=head.version, entries=entries, accepted=(accepted,), snapshot=snapshot)


def client_cost() -> float:
    """Return the CPU seconds for building one append."""
    head, started = Head(sender_id="x", epoch="e"), time.process_time()
    for number in range(2000):
        head = turn(head, number).head
    return (time.process_time() - started) / 2000


async def load(store: ConversationStore, senders: int, seconds: float) -> tuple[int, float, float, list[float]]:
    """Append from many conversations at once.

    Return the number of appends, the seconds, the CPU seconds and the latencies.
    """
    latencies: list[float] = []

    async def one(name: str) -> int:
        await store.erase(name, new_epoch="e")
        head = await store.create(Head(sender_id=name, epoch="e"))
        number = 0
        while time.perf_counter() < until:
            number += 1
            append = turn(head, number)
            before = time.perf_counter()
            await store.append(append)
            latencies.append(time.perf_counter() - before)
            head = append.head
        return number

    started, cpu = time.perf_counter(), time.process_time()
    until = started + seconds
    counts = await asyncio.gather(*(one(f"{senders} senders, {n}") for n in range(senders)))
    return sum(counts), time.perf_counter() - started, time.process_time() - cpu, latencies


def bare(folder: Path, seconds: float, synchronous: str) -> list[float]:
    """Return the latencies of transactions that insert five rows."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)")
    latencies, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        before = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            connection.execute("INSERT INTO rows (data) VALUES (?)", (b"x" * 500,))
        connection.execute("COMMIT")
        latencies.append(time.perf_counter() - before)
    connection.close()
    return latencies


def note(commits: list[int], size: int, _: float) -> None:
    """Record the number of appends in a commit."""
    commits.append(size)


def spread(latencies: list[float]) -> str:
    """Return p50 and p99 in ms."""
    cuts = statistics.quantiles(latencies, n=100)
    return f"p50 {cuts[49] * 1e3:6.2f} ms  p99 {cuts[98] * 1e3:6.2f} ms"


async def main() -> None:
    """Run all measurements and print them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--folder", type=Path, default=Path.cwd())
    options.add_argument("--durability", choices=("disk", "process"), default="disk")
    options.add_argument("--postgresql", metavar="DSN", help="measure this database instead")
    chosen = options.parse_args()
    client = client_cost()
    print(f"building an append: {client * 1e6:.0f} µs CPU, taken off below")
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="bench-commit-") as name:
        folder = Path(name)
        for senders in (1, 8, 32):
            bare_folder = folder / f"{senders}"
            bare_folder.mkdir()
            synchronous = "NORMAL" if chosen.durability == "process" else "FULL"
            plain = bare(bare_folder, chosen.seconds / 2, synchronous)
            commits: list[int] = []
            observe = partial(note, commits)
            store: ConversationStore
            if chosen.postgresql:
                store = PostgresqlStore(chosen.postgresql, durability=chosen.durability, observe=observe)
            else:
                store = SqliteStore(folder / "conversations.db", durability=chosen.durability, observe=observe)
            await store.open()
            count, wall, cpu, latencies = await load(store, senders, chosen.seconds)
            await store.close()
            print(
                f"{senders:3} appenders: {count / wall:7.0f} appends/s  {len(commits) / wall:6.0f} commits/s  "
                f"{spread(latencies)}  {(cpu / count - client) * 1e6:5.0f} µs CPU per append"
                f"   | bare 5-row transaction: {len(plain) / chosen.seconds * 2:6.0f}/s  {spread(plain)}"
            )


if __name__ == "__main__":
    asyncio.run(main())
