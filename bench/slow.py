"""Measure how some visitors' slow custom actions affect other visitors' latency.

    python bench/slow.py [--seconds 5] [--slow 8] [--others 20] [--messages 400]

`--slow` conversations run actions of `--seconds` one after the other, without a pause. Meanwhile, each of `--others`
conversations sends a message twice a second. The actions run in the server's process, which is the harder case.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from load import Talker
from project import copy_of_counter
from servers import MANENT, Running, running, wait_until_up

PAUSE_S = 0.5


def measure(seconds: float = 5.0, slow: int = 8, others: int = 20, messages: int = 400) -> dict[str, Any]:
    """Return the other conversations' latencies in ms, with and without slow actions, and the number of slow turns."""
    with tempfile.TemporaryDirectory() as folder:
        project = copy_of_counter(Path(folder))
        contender = replace(MANENT, environment={"COUNT_SECONDS": str(seconds)})
        with running(contender, project, log=Path(folder) / "server.log") as server:
            wait_until_up(server, MANENT.patience_s)
            return {"seconds": seconds, "slow": slow, **asyncio.run(_both(server, slow, others, messages))}


async def _both(server: Running, slow: int, others: int, messages: int) -> dict[str, Any]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        quick = [await Talker(http, server.url).open() for _ in range(others)]
        await _talk(quick, others * 4)
        without = await _talk(quick, messages)
        turns: list[float] = []
        busy = [asyncio.create_task(_count(await Talker(http, server.url).open(), turns)) for _ in range(slow)]
        await asyncio.sleep(PAUSE_S)
        beside = await _talk(quick, messages)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
    return {"without": _figures(without), "with": _figures(beside), "slow_turns": len(turns)}


async def _talk(talkers: list[Talker], messages: int) -> list[float]:
    async def one(talker: Talker, offset: float) -> list[float]:
        await asyncio.sleep(offset)
        latencies = []
        for number in range(messages // len(talkers)):
            began = time.perf_counter()
            latencies.append(await talker.ask(f"hello {number}"))
            await asyncio.sleep(max(0.0, PAUSE_S - (time.perf_counter() - began)))
        return latencies

    every = PAUSE_S / len(talkers)
    found = await asyncio.gather(*(one(talker, number * every) for number, talker in enumerate(talkers)))
    return [latency for latencies in found for latency in latencies]


async def _count(talker: Talker, turns: list[float]) -> None:
    while True:
        turns.append(await talker.ask("count"))


def _figures(latencies: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies, n=100)
    return {"p50_ms": cuts[49] * 1000, "p95_ms": cuts[94] * 1000, "worst_ms": max(latencies) * 1000}


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, and a row for each of the two cases."""
    table = [["slow conversations", "p50 ms", "p95 ms", "worst ms"]]
    for name, count in (("without", "none"), ("with", f"{results['slow']} ({results['seconds']:g} s each)")):
        table.append([count, *(f"{results[name][key]:.1f}" for key in ("p50_ms", "p95_ms", "worst_ms"))])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--slow", type=int, default=8)
    parser.add_argument("--others", type=int, default=20)
    parser.add_argument("--messages", type=int, default=400)
    chosen = parser.parse_args()
    for row in rows(measure(chosen.seconds, chosen.slow, chosen.others, chosen.messages)):
        print("".join(f"{cell:>30}" for cell in row))
