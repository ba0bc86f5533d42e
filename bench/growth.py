"""What a message costs in an old conversation beside a young one: message by message in turn, in one run.

    python bench/growth.py [--turns 10000] [--messages 500] [--action]

First one conversation is given `--turns` turns. Then the old and a new one take turns, `--messages` each; medians of
their latencies and the ratio are printed, the server's CPU for blocks of messages of each, and the SQL statements of a
turn of each. With --action each of these turns runs a custom action (in process).
"""

import argparse
import asyncio
import contextlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from load import Talker
from project import copy_of_counter
from servers import MANENT, Running, running, wait_until_up

BLOCK = 50
"""Messages in a row to one conversation while CPU is measured; the system counts it in steps of 10 ms."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--action", action="store_true")
    options = parser.parse_args()
    say = "count" if options.action else "hello"
    with tempfile.TemporaryDirectory() as folder:
        project = copy_of_counter(Path(folder))
        with running(MANENT, project, log=Path(folder) / "server.log") as server:
            wait_until_up(server, MANENT.patience_s)
            asyncio.run(_measure(server, say, options.turns, options.messages))
        asyncio.run(_count_statements(project, say))


async def _measure(server: Running, say: str, turns: int, messages: int) -> None:
    async with aiohttp.ClientSession() as http:
        old, young = await Talker(http, server.url, "old").open(), await Talker(http, server.url, "young").open()
        started = time.perf_counter()
        for number in range(turns):
            await old.ask(f"hello {number}" if say == "hello" else say)
        print(f"the old conversation has {turns} turns, after {time.perf_counter() - started:.0f} s")
        latencies: dict[str, list[float]] = {"old": [], "young": []}
        for number in range(messages):
            for name, talker in (("old", old), ("young", young)):
                latencies[name].append(await talker.ask(f"hello {number}" if say == "hello" else say))
        cpu: dict[str, list[float]] = {"old": [], "young": []}
        for _ in range(max(1, messages // BLOCK)):
            for name, talker in (("old", old), ("young", young)):
                before = server.cpu_s()
                for number in range(BLOCK):
                    await talker.ask(f"hello {number}" if say == "hello" else say)
                cpu[name].append((server.cpu_s() - before) / BLOCK)
        for name, values in latencies.items():
            print(
                f"{name:>6}: p50 {statistics.median(values) * 1000:.2f} ms,"
                f" CPU {statistics.mean(cpu[name]) * 1e6:.0f} µs a turn"
            )
        ratio = statistics.median(latencies["old"]) / statistics.median(latencies["young"])
        cpu_ratio = statistics.mean(cpu["old"]) / statistics.mean(cpu["young"])
        print(f"old/young: latency {ratio:.2f}, CPU {cpu_ratio:.2f}")
        await old.close()
        await young.close()


async def _count_statements(project: Path, say: str) -> None:
    """Run turns of both conversations in this process, with every SQL statement counted."""
    from manent.core.messages import UserMessage
    from manent.server.app import build
    from manent.server.options import ServeOptions

    with _counting() as count:
        application = build(ServeOptions(root=project))
        conversations = application.conversations
        await conversations.open()
        for sender_id in ("old", "young"):
            counts = []
            for _ in range(21):
                before = count()
                ticket = conversations.get(sender_id).submit(UserMessage(sender_id=sender_id, text=say))
                await ticket.finished
                counts.append(count() - before)
            print(f"{sender_id:>6}: {statistics.median(counts):.0f} SQL statements a turn")
        await conversations.close()


@contextlib.contextmanager
def _counting() -> Iterator[Callable[[], int]]:
    statements = 0
    connect = sqlite3.connect

    def counted(statement: str) -> None:
        nonlocal statements
        if not statement.startswith(("PRAGMA", "--")):
            statements += 1

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(counted)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]
    try:
        yield lambda: statements
    finally:
        sqlite3.connect = connect


if __name__ == "__main__":
    main()
