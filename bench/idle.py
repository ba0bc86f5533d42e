"""Measure the cost of idle connections: the memory per connection, and an active visitor's latency.

    python bench/idle.py [--levels 1000,10000] [--hold 5]

An idle visitor is a WebSocket with its own session that only answers pings. A level is a number of idle connections.
The memory per connection is the growth of the server's memory since its first answers, divided by the number of
connections. At each level, one visitor then sends messages, with pauses, while the other connections stay open.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from load import Talker
from project import trained
from servers import ECHO, RASA, Running, bots, running, wait_until_up

AT_ONCE = 50
"""Number of connections to open at the same time."""
THINK_S = 0.05


class Idler:
    """An idle visitor, who has an open connection but does not send messages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(self._stay())

    async def _stay(self) -> None:
        async for message in self.socket:
            frame = message.data
            if frame == "2":
                await self.socket.send_str("3")
            elif frame.startswith("0"):
                await self.socket.send_str("40")
            elif frame.startswith("40"):
                await self.socket.send_str(f'42["session_request",{json.dumps({"session_id": uuid.uuid4().hex})}]')
            elif frame.startswith('42["session_confirm"'):
                self.ready.set()

    @property
    def alive(self) -> bool:
        """Whether the connection is still open."""
        return not self.task.done()


async def measure_server(server: Running, levels: Sequence[int], hold_s: float) -> dict[str, Any]:
    """Open connections up to each level; return KiB per connection, connects per second, and the visitor's latency."""
    results: dict[str, Any] = {}
    idlers: list[Idler] = []
    slots = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        talker = await Talker(http, server.url).open()
        for number in range(50):
            await talker.ask(f"hello {number}")
        await talker.close()
        at_first = server.memory_mb()

        async def connect() -> None:
            async with slots:
                idler = Idler(await http.ws_connect(talker.url, max_msg_size=0))
                idlers.append(idler)
                async with asyncio.timeout(60):
                    await idler.ready.wait()

        for level in levels:
            started, missing = time.perf_counter(), level - len(idlers)
            await asyncio.gather(*(connect() for _ in range(missing)))
            took = time.perf_counter() - started
            await asyncio.sleep(hold_s)
            gc.collect()
            talker, answers = await Talker(http, server.url).open(), []
            for number in range(60):
                answers.append(await talker.ask(f"hello {level} {number}"))
                await asyncio.sleep(THINK_S)
            await talker.close()
            alive = sum(idler.alive for idler in idlers)
            results[str(level)] = {
                "alive": alive,
                "kib_each": (server.memory_mb() - at_first) * 1024 / alive,
                "connects_per_s": missing / took,
                "p50_ms": statistics.median(answers) * 1000,
                "p95_ms": statistics.quantiles(answers, n=20)[18] * 1000,
            }
        for idler in idlers:
            idler.task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await asyncio.gather(*(idler.socket.close() for idler in idlers), return_exceptions=True)
    return results


def measure(levels: Sequence[int] = (1000, 10_000), hold_s: float = 5.0) -> dict[str, Any]:
    """Measure each server (Rasa only up to 2,000, because it connects slowly); return results by name and level."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for contender in [ECHO, *bots()]:
            project = trained(contender, Path(folder) / contender.name)
            wanted = [min(level, 2000) for level in levels] if contender is RASA else levels
            with running(contender, project, log=Path(folder) / "log") as server:
                wait_until_up(server, contender.patience_s)
                results[contender.name] = asyncio.run(measure_server(server, wanted, hold_s))
    return results


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, then a row for each server and level."""
    table = [["connections", "", "KiB each", "÷ echo", "connects/s", "talker p50 ms", "talker p95 ms"]]
    for name, by_level in results.items():
        for level, one in by_level.items():
            of_echo = results[ECHO.name].get(level, {}).get("kib_each")
            ratio = f"{one['kib_each'] / of_echo:.2f}" if of_echo and one["alive"] else ""
            table.append(
                [
                    f"{one['alive']}",
                    name,
                    f"{one['kib_each']:.1f}",
                    ratio,
                    f"{one['connects_per_s']:.0f}",
                    f"{one['p50_ms']:.2f}",
                    f"{one['p95_ms']:.2f}",
                ]
            )
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", default="1000,10000")
    parser.add_argument("--hold", type=float, default=5.0, metavar="SECONDS")
    chosen = parser.parse_args()
    for row in rows(measure([int(level) for level in chosen.levels.split(",")], chosen.hold)):
        print("".join(f"{cell:>15}" for cell in row))
