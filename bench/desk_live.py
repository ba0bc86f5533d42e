"""Measures the desk with many open pages: the time from a visitor's message to its event on every page.

python bench/desk_live.py --operators 50 --messages 40
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from unittest.mock import patch

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.desks import API, Op, operator
from support.small_talk import running


async def follow(person: Op, arrived: dict[str, list[float]]) -> None:
    """Note when each visitor's message arrives on a page."""
    async with person.http.stream("GET", f"{API}/events", timeout=None) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: ") and '"messages"' in line:
                arrived.setdefault(json.loads(line[6:])["sender_id"], []).append(time.perf_counter())


async def measure(operators: int, messages: int) -> None:
    """Run a server, its pages and a visitor, and print the latencies."""
    async with AsyncExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        parts.enter_context(
            patch("manent.desk.identity.SIGN_INS_PER_MINUTE", 0)
        )  # because every operator has the same address
        server = await parts.enter_async_context(running(folder, endpoints="desk: {}\n"))
        people = [await parts.enter_async_context(operator(server, f"Op {number}")) for number in range(operators)]
        arrived: dict[str, list[float]] = {}
        tasks = [asyncio.create_task(follow(one, arrived)) for one in people]
        await asyncio.sleep(2)
        sent: dict[str, float] = {}
        taken = []
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            for number in range(messages):
                sender = f"v{number}"
                sent[sender] = time.perf_counter()
                await http.post("/webhooks/rest/webhook", json={"sender": sender, "message": "hello"})
                taken.append(time.perf_counter() - sent[sender])
                await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        delays = sorted(at - sent[sender] for sender, times in arrived.items() for at in times)
        expected = operators * messages
        print(f"{operators} pages, {messages} messages: {len(delays)} of {expected} events arrived")
        cuts = statistics.quantiles(delays, n=20)
        median, p95, longest = (1_000 * one for one in (cuts[9], cuts[-1], delays[-1]))
        print(f"message → page: median {median:.0f} ms, p95 {p95:.0f} ms, max {longest:.0f} ms")
        print(f"turn over REST: median {1000 * statistics.median(taken):.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operators", type=int, default=50)
    parser.add_argument("--messages", type=int, default=40)
    options = parser.parse_args()
    asyncio.run(measure(options.operators, options.messages))


if __name__ == "__main__":
    main()
