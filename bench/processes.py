"""Measure whether several server processes that use one machine and one SQLite file serve more turns than one process.

    python bench/processes.py [--processes 1,2] [--conversations 32] [--seconds 6] [--rounds 5]

The conversations are divided among the processes, as a load balancer would do. Runs with different numbers of processes
alternate, and the program prints medians. The client uses the same cores as the servers. `postgresql.py` measures
several servers that use one PostgreSQL.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from pathlib import Path

from load import run_on_all
from project import trained
from servers import MANENT, running, wait_until_up


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--processes", default="1,2")
    options.add_argument("--conversations", type=int, default=32)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    counts = [int(count) for count in chosen.processes.split(",")]
    results: dict[int, list[tuple[float, float, float]]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as folder:
        project = trained(MANENT, Path(folder) / "project")
        for _ in range(chosen.rounds):
            for count in counts:
                with contextlib.ExitStack() as group:
                    servers = []
                    for _ in range(count):
                        server = group.enter_context(running(MANENT, project, log=Path(folder) / "server.log"))
                        wait_until_up(server, MANENT.patience_s)
                        servers.append(server)
                    asyncio.run(run_on_all(servers, conversations=chosen.conversations, seconds=1.0))  # warm up
                    found = asyncio.run(run_on_all(servers, conversations=chosen.conversations, seconds=chosen.seconds))
                results[count].append((found.per_second, found.cpu_us, found.p99_ms))
                print(count, "processes:", *(f"{value:.0f}" for value in results[count][-1]), flush=True)
    for count in counts:
        per_second, cpu_us, p99 = (statistics.median(column) for column in zip(*results[count], strict=True))
        print(f"{count} processes: {per_second:.0f} turns/s, {cpu_us:.0f} µs of CPU a turn, p99 {p99:.0f} ms")


if __name__ == "__main__":
    main()
