"""Measure how long a visitor waits for an answer over REST and Socket.IO, one message at a time.

    python bench/latency.py [--messages 300]

Manent answers once the turn is on disk. Therefore, after each of Manent's turns, the program also measures a bare
SQLite transaction of five rows on the same file system, and prints the difference. Rasa keeps conversations in memory,
which is its default. Each message is a new text.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from load import PHRASES, RestTalker, Talker
from project import trained
from servers import ECHO, MANENT, RASA, bots, running, wait_until_up

Ask = Callable[[str], Awaitable[float]]


class BareCommit:
    """A transaction that writes five rows of 500 bytes and is synced to disk."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)")

    def time(self) -> float:
        """Commit. Return the duration in seconds."""
        started = time.perf_counter()
        self.connection.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            self.connection.execute("INSERT INTO rows (data) VALUES (?)", (b"x" * 500,))
        self.connection.execute("COMMIT")
        return time.perf_counter() - started


async def talk(ask: Ask, messages: int, bare: BareCommit) -> dict[str, float]:
    """Send messages, with a bare commit after each answer. Return p50 and p99 of both in ms."""
    await ask("hello")
    answers, commits = [], []
    for number in range(messages):
        answers.append(await ask(f"{PHRASES[number % len(PHRASES)]} {number}"))
        commits.append(bare.time())
    p50, p99 = _cuts(answers)
    bare_p50, bare_p99 = _cuts(commits)
    return {"p50_ms": p50, "p99_ms": p99, "commit_p50_ms": bare_p50, "commit_p99_ms": bare_p99}


def measure(messages: int = 300) -> dict[str, Any]:
    """Send messages to each server over each channel; return results by channel and name."""
    results: dict[str, Any] = {"rest": {}, "socketio": {}}
    with tempfile.TemporaryDirectory() as folder:
        bare = BareCommit(Path(folder))
        for contender in [ECHO, *bots()]:
            project = trained(contender, Path(folder) / contender.name)
            with running(contender, project, log=Path(folder) / "log") as server:
                wait_until_up(server, contender.patience_s)
                count = messages // 3 if contender is RASA else messages
                asyncio.run(_both(contender.name, server.url, count, bare, results))
    return results


async def _both(name: str, url: str, messages: int, bare: BareCommit, results: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as http:
        talker = await Talker(http, url).open()
        results["socketio"][name] = await talk(talker.ask, messages, bare)
        await talker.close()
        if name != ECHO.name:
            results["rest"][name] = await talk(RestTalker(http, url).ask, messages, bare)


def _cuts(seconds: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, then a row for each channel and server."""
    table = [["channel", "", "p50 ms", "p99 ms", "bare commit p50 / p99", "above it"]]
    for channel, by_name in results.items():
        for name, one in by_name.items():
            commit = above = ""
            if name == MANENT.name:
                commit = f"{one['commit_p50_ms']:.2f} / {one['commit_p99_ms']:.2f}"
                above = f"{one['p50_ms'] - one['commit_p50_ms']:.2f} / {one['p99_ms'] - one['commit_p99_ms']:.2f}"
            table.append([channel, name, f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", commit, above])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300)
    chosen = parser.parse_args()
    for row in rows(measure(chosen.messages)):
        print("".join(f"{cell:>23}" for cell in row))
