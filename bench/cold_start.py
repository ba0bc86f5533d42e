"""Measure the time from the start of a process to its first answer, and its memory after that answer.

    python bench/cold_start.py [--runs 5]

Each run is a new process. The message is sent over Socket.IO, like a visitor's message. Python's bytecode files already
exist, as they do after any earlier start. The servers run alternately, and the program prints medians. The echo server
shows the time and memory of Python and the transport alone.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from load import Talker
from project import trained
from servers import ECHO, RASA, Contender, bots, running, wait_until_up


def start(contender: Contender, project: Path, log: Path) -> dict[str, float]:
    """Start the server once; return the seconds to the first answer and the MiB after it."""
    with running(contender, project, log=log) as server:
        wait_until_up(server, contender.patience_s)
        asyncio.run(_first_answer(server.url))
        return {"seconds": time.perf_counter() - server.started, "memory_mb": server.memory_mb()}


async def _first_answer(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        talker = await Talker(http, url).open()
        await talker.ask("hello")
        await talker.close()


def measure(runs: int = 5) -> dict[str, Any]:
    """Start each server `runs` times (Rasa once) with the project of `manent init`; return medians by name."""
    several: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        contenders = [ECHO, *bots()]
        projects = {one.name: trained(one, Path(folder) / one.name) for one in contenders}
        for run in range(runs + 1):
            for contender in contenders:
                if contender is RASA and run > 1:
                    continue
                measured = start(contender, projects[contender.name], Path(folder) / f"{contender.name}.log")
                if run:  # the first start compiles bytecode
                    several.setdefault(contender.name, []).append(measured)
    return {
        name: {key: statistics.median(one[key] for one in starts) for key in starts[0]}
        for name, starts in several.items()
    }


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, then a row for each server."""
    table = [["", "first answer, s", "memory, MiB", "÷ echo"]]
    for name, one in results.items():
        ratio = one["seconds"] / results[ECHO.name]["seconds"]
        table.append([name, f"{one['seconds']:.2f}", f"{one['memory_mb']:.0f}", f"{ratio:.1f}"])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    for row in rows(measure(chosen.runs)):
        print("".join(f"{cell:>17}" for cell in row))
