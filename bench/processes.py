"""Measure whether several server processes that use one machine and one store serve more turns than one process.

    python bench/processes.py [--processes 1,2] [--conversations 32] [--seconds 6] [--rounds 5] [--postgresql]

The conversations are divided among the processes, as a load balancer would do. Runs with different numbers of processes
alternate, and the program prints medians. The client and PostgreSQL use the same cores as the servers. `--postgresql`
starts a temporary PostgreSQL with fsync.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from load import Result, run
from project import trained
from servers import MANENT, ROOT, running, wait_until_up

sys.path.insert(0, str(ROOT / "tests"))


async def together(servers: list[Any], conversations: int, seconds: float) -> list[Result]:
    """Send messages to all servers at the same time."""
    each = conversations // len(servers)
    return await asyncio.gather(*(run(server, conversations=each, seconds=seconds) for server in servers))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--processes", default="1,2")
    options.add_argument("--conversations", type=int, default=32)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--postgresql", action="store_true")
    chosen = options.parse_args()
    counts = [int(count) for count in chosen.processes.split(",")]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        project = trained(MANENT, Path(folder) / "project")
        if chosen.postgresql:
            from support.postgres import programs
            from support.postgres import running as postgresql

            bin_folder = programs()
            assert bin_folder is not None, "PostgreSQL is not installed"
            cluster = stack.enter_context(postgresql(bin_folder, durable=True))
            with (project / "endpoints.yml").open("a") as endpoints:
                endpoints.write(f"\ntracker_store:\n  type: SQL\n  dialect: postgresql\n  url: {cluster.dsn}\n")
        results: dict[int, list[tuple[float, float, float]]] = {count: [] for count in counts}
        for _ in range(chosen.rounds):
            for count in counts:
                with contextlib.ExitStack() as group:
                    servers = []
                    for _ in range(count):
                        server = group.enter_context(running(MANENT, project, log=Path(folder) / "server.log"))
                        wait_until_up(server, MANENT.patience_s)
                        servers.append(server)
                    asyncio.run(together(servers, chosen.conversations, 1.0))  # warm up
                    found = asyncio.run(together(servers, chosen.conversations, chosen.seconds))
                turns = sum(one.turns for one in found)
                results[count].append(
                    (
                        sum(one.per_second for one in found),
                        sum(one.cpu_us * one.turns for one in found) / turns,
                        max(one.p99_ms for one in found),
                    )
                )
                print(count, "processes:", *(f"{value:.0f}" for value in results[count][-1]), flush=True)
        for count in counts:
            per_second, cpu_us, p99 = (statistics.median(column) for column in zip(*results[count], strict=True))
            print(f"{count} processes: {per_second:.0f} turns/s, {cpu_us:.0f} µs of CPU a turn, p99 {p99:.0f} ms")


if __name__ == "__main__":
    main()
