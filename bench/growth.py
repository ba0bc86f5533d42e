"""Compare the cost of a message in an old conversation with the cost in a new conversation.

    python bench/growth.py [--turns 10000] [--messages 500] [--action]

First, the program fills one conversation with `--turns` turns. Then it alternately sends a message to this conversation
and a message to a new one, `--messages` to each. It prints the medians of the latencies and their ratio, the server's
CPU time for blocks of messages to each conversation, and the SQL statements of a turn in each. With --action, each of
these turns runs a custom action (in process).
"""

import argparse
import asyncio
import contextlib
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from load import Talker
from project import copy_of_counter
from servers import MANENT, Running, running, wait_until_up

BLOCK = 50
"""Number of consecutive messages to one conversation for a measurement of CPU. The system counts CPU in steps of 10 ms.
"""


def measure(turns: int = 10_000, messages: int = 500, *, action: bool = False) -> dict[str, Any]:
    """Send messages alternately to an old and a new conversation. Return latency, CPU, statements, and their ratios."""
    say = "count" if action else "hello"
    with tempfile.TemporaryDirectory() as folder:
        project = copy_of_counter(Path(folder))
        with running(MANENT, project, log=Path(folder) / "server.log") as server:
            wait_until_up(server, MANENT.patience_s)
            measured = asyncio.run(_alternate(server, say, turns, messages))
        for sender_id, statements in asyncio.run(_count_statements(project, say)).items():
            measured[sender_id]["statements"] = statements
    old, young = measured["old"], measured["young"]
    return {"turns": turns, "action": action, **measured, "ratio": {key: old[key] / young[key] for key in old}}


async def _alternate(server: Running, say: str, turns: int, messages: int) -> dict[str, dict[str, float]]:
    def text(number: int) -> str:
        return f"hello {number}" if say == "hello" else say

    async with aiohttp.ClientSession() as http:
        talkers = {"old": await Talker(http, server.url, "old").open()}
        for number in range(turns):
            await talkers["old"].ask(text(number))
        # Open the socket only now, because pings on an idle socket would not be answered.
        talkers["young"] = await Talker(http, server.url, "young").open()
        latencies: dict[str, list[float]] = {name: [] for name in talkers}
        for number in range(messages):
            for name, talker in talkers.items():
                latencies[name].append(await talker.ask(text(number)))
        cpu: dict[str, list[float]] = {name: [] for name in talkers}
        for _ in range(max(1, messages // BLOCK)):
            for name, talker in talkers.items():
                before = server.cpu_s()
                for number in range(BLOCK):
                    await talker.ask(text(number))
                cpu[name].append((server.cpu_s() - before) / BLOCK)
        for talker in talkers.values():
            await talker.close()
    return {
        name: {"p50_ms": statistics.median(latencies[name]) * 1000, "cpu_us": statistics.mean(cpu[name]) * 1e6}
        for name in talkers
    }


async def _count_statements(project: Path, say: str) -> dict[str, float]:
    """Run turns of both conversations in this process and count all SQL statements; return the medians."""
    from manent.core.messages import UserMessage
    from manent.server.app import build
    from manent.server.options import ServeOptions

    medians = {}
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
            medians[sender_id] = statistics.median(counts)
        await conversations.close()
    return medians


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


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, a row for each conversation, and a row for the ratios."""
    turn = "custom action" if results["action"] else "answer"
    table = [["conversation", "a turn's work", "p50 ms", "CPU µs a turn", "SQL statements"]]
    for name, age in (("old", f"after {results['turns']} turns"), ("young", "new")):
        one = results[name]
        table.append([age, turn, f"{one['p50_ms']:.2f}", f"{one['cpu_us']:.0f}", f"{one['statements']:.0f}"])
    ratio = results["ratio"]
    table.append(["old ÷ young", "", *(f"{ratio[key]:.2f}" for key in ("p50_ms", "cpu_us", "statements"))])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--action", action="store_true")
    chosen = parser.parse_args()
    for row in rows(measure(chosen.turns, chosen.messages, action=chosen.action)):
        print("".join(f"{cell:>20}" for cell in row))
