"""Count the instructions that a server executes to start and for each turn, with valgrind.

    python bench/instructions.py [--against CHECKOUT] [--conversations 1] [--turns 400]

Times on a shared machine vary by tens of percent, but these counts vary by about one percent with one conversation.
With more conversations, the number of turns that share a commit changes from run to run, and the counts vary by five
percent.

Each server runs twice under `valgrind --tool=cachegrind`: with a few turns, and with `--turns` more turns. The
difference is the cost of the turns, and the rest is the cost of starting. With --against, the program also measures
another checkout, which needs a virtual environment in `.venv`, and prints the ratios.

Instructions are not time, because they do not include waiting for memory, for the disk or for a lock.
"""

import argparse
import asyncio
import itertools
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from load import PHRASES, Talker
from project import trained_by_each
from servers import MANENT, ONE_THREAD, Contender, checked_out, free_port

FEW = 64
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
PATIENCE_S = 400.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Millions of instructions for a server's start with a few turns, and for each further turn."""

    start: float
    turn: float


async def talk(url: str, conversations: int, turns: int) -> None:
    """Connect as soon as the server answers, and run this many turns, divided among the conversations.

    Raises:
        TimeoutError: the server did not answer within `PATIENCE_S`.
    """
    numbers = itertools.count(100_000, 7)
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(PATIENCE_S):
            talkers = [await _connected(http, url) for _ in range(conversations)]

        async def visit(talker: Talker) -> None:
            for _ in range(turns // conversations):
                number = next(numbers)
                await talker.ask(f"{PHRASES[number % len(PHRASES)]} {number}")

        await asyncio.gather(*(visit(talker) for talker in talkers))
        for talker in talkers:
            await talker.close()


async def _connected(http: aiohttp.ClientSession, url: str) -> Talker:
    while True:
        try:
            return await Talker(http, url).open()
        except aiohttp.ClientError:
            await asyncio.sleep(0.2)


def instructions(version: Contender, project: Path, conversations: int, turns: int) -> float:
    """Return the millions of instructions of one server, from its start to its end.

    Raises:
        RuntimeError: valgrind did not print a count. The error message contains the end of its output.
    """
    port = free_port()
    environment = {**os.environ, **ONE_THREAD, "PYTHONHASHSEED": "0"}
    # Compile Python files first, as on users' machines. The counts for the start would otherwise include the compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [*VALGRIND, *version.command(port), "--quiet"]
    server = subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        asyncio.run(talk(f"http://127.0.0.1:{port}", conversations, turns))
    finally:
        server.terminate()
        _, printed = server.communicate(timeout=PATIENCE_S)
    counted = re.search(r"I\s+refs:\s+([\d,]+)", printed)
    if counted is None:
        raise RuntimeError(f"valgrind printed no count of instructions:\n{printed[-2000:]}")
    return int(counted[1].replace(",", "")) / 1e6


def measure(version: Contender, project: Path, conversations: int, turns: int) -> Counts:
    """Return the counts for one version."""
    compiling = "import compileall, manent; compileall.compile_dir(manent.__path__[0], quiet=1)"
    subprocess.run([version.serve[0], "-c", compiling], check=True)  # The start compiles nothing.
    few = instructions(version, project, conversations, FEW)
    return Counts(start=few, turn=(instructions(version, project, conversations, FEW + turns) - few) / turns)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--conversations", type=int, default=1)
    parser.add_argument("--turns", type=int, default=400)
    chosen = parser.parse_args(arguments)
    versions = [] if chosen.against is None else [checked_out(chosen.against)]
    versions.append(MANENT)
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for each, project in zip(versions, trained_by_each(versions, Path(folder)), strict=True):
            counts = measure(each, project, chosen.conversations, chosen.turns)
            print(f"{each.name}: start {counts.start:.0f} million, turn {counts.turn:.3f} million", flush=True)
            measured.append(counts)
    if len(measured) > 1:
        before, after = measured
        print(f"ratio: start {after.start / before.start:.3f}, turn {after.turn / before.turn:.3f}")


if __name__ == "__main__":
    main()
