"""Measure turns per second on PostgreSQL, and the statements, round trips and CPU time per turn.

    python bench/postgresql.py [--servers 1,2,3] [--conversations 1,32] [--pause-ms 0] [--other-tabs] [--seconds 5]
                               [--rounds 3] [--round-trip-ms 0] [--bouncer] [--against CHECKOUT]

The program starts a PostgreSQL server that syncs its commits. With several servers, the conversations are divided among
them, as a load balancer would do. With --pause-ms, each visitor waits this long on average before the next message, so
that the servers have less load than they can serve. With --other-tabs, each visitor has another tab on the next server,
and the program also measures how much later a reply arrives there. With --round-trip-ms, Manent connects to PostgreSQL
through a proxy that adds this delay and counts round trips. With --bouncer, Manent connects through PgBouncer in
transaction mode. With --against, rounds alternate with rounds of another checkout, which needs a virtual environment in
`.venv`, so that two versions can be compared on a noisy machine. The client and PostgreSQL use the same cores as the
servers.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import asyncpg
import load
import psutil
from project import trained_by_each
from servers import MANENT, ROOT, Running, checked_out, running, wait_until_up

sys.path.insert(0, str(ROOT / "tests"))

from support.network import Network, network_to
from support.pgbouncer import bouncer
from support.postgres import Cluster, programs
from support.postgres import running as running_cluster

STATEMENTS = (
    "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'"
)


@contextmanager
def delayed(socket: Path, round_trip_s: float) -> Iterator[Network]:
    """Run a proxy to PostgreSQL on an event loop in a separate thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened = network_to(socket, round_trip_s=round_trip_s)
    network = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
    try:
        yield network
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def count_statements(cluster: Cluster) -> None:
    """Let PostgreSQL count its statements."""
    connection = await asyncpg.connect(cluster.dsn)
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.close()


async def statements(cluster: Cluster) -> int:
    """Return how many statements PostgreSQL has run."""
    connection = await asyncpg.connect(cluster.dsn)
    try:
        count: int = await connection.fetchval(STATEMENTS)
        return count
    finally:
        await connection.close()


def cpu_s(folder: Path) -> float:
    """Return the CPU seconds of PostgreSQL's processes."""
    first = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
    total = 0.0
    for one in [first, *first.children()]:
        with suppress(psutil.NoSuchProcess):  # a worker of autovacuum has ended; `first` includes its time
            total += sum(one.cpu_times()[:4])
    return total


def measured(
    servers: Sequence[Running], count: int, cluster: Cluster, network: Network | None, chosen: argparse.Namespace
) -> tuple[float, ...]:
    """Send messages in `count` conversations. Return the values of one row of the printed table."""
    before, trips = (asyncio.run(statements(cluster)), cpu_s(cluster.folder)), network.round_trips if network else 0
    result = asyncio.run(
        load.run_on_all(
            servers,
            conversations=count,
            seconds=chosen.seconds,
            pause_s=chosen.pause_ms / 1000,
            other_tabs=chosen.other_tabs,
        )
    )
    after = asyncio.run(statements(cluster)), cpu_s(cluster.folder)
    return (
        result.per_second,
        result.p50_ms,
        result.p99_ms,
        result.other_p50_ms,
        result.other_p99_ms,
        (after[0] - before[0]) / result.turns,
        ((network.round_trips if network else 0) - trips) / result.turns,
        result.cpu_us,
        (after[1] - before[1]) / result.turns * 1e6,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default="1")
    parser.add_argument("--conversations", default="1,32")
    parser.add_argument("--pause-ms", type=float, default=0.0)
    parser.add_argument("--other-tabs", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-trip-ms", type=float, default=0.0)
    parser.add_argument("--bouncer", action="store_true")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    chosen = parser.parse_args()
    bin_folder = programs()
    if bin_folder is None:
        sys.exit("needs PostgreSQL: apt install postgresql")
    versions = ([checked_out(chosen.against)] if chosen.against else []) + [MANENT]
    found: dict[tuple[int, int, str], list[tuple[float, ...]]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = ("shared_preload_libraries=pg_stat_statements",)
        cluster = stack.enter_context(running_cluster(bin_folder, durable=True, settings=settings))
        asyncio.run(count_statements(cluster))
        network = None
        if chosen.round_trip_ms:
            network = stack.enter_context(delayed(cluster.socket, chosen.round_trip_ms / 1000))
        projects = trained_by_each(versions, folder)
        for project in projects:
            credentials = (project / "credentials.yml").read_text()
            # Without it, a session ends with its socket, so no other tab could join it.
            persistent = credentials.replace("session_persistence: false", "session_persistence: true")
            (project / "credentials.yml").write_text(persistent)
        for _ in range(chosen.rounds):
            for number in map(int, chosen.servers.split(",")):
                for version, project in zip(versions, projects, strict=True):
                    dsn = cluster.new_database()
                    if network is not None:
                        dsn = dsn.partition("?")[0].replace("@/", f"@127.0.0.1:{network.port}/")
                    if chosen.bouncer:
                        port = stack.enter_context(bouncer(cluster, connections=10))
                        dsn = dsn.partition("?")[0].replace("@/", f"@127.0.0.1:{port}/")
                    (project / "endpoints.yml").write_text(f"tracker_store:\n  type: SQL\n  url: {dsn}\n")
                    with ExitStack() as started:
                        servers = []
                        for _ in range(number):
                            server = started.enter_context(running(version, project, log=folder / "server.log"))
                            wait_until_up(server, version.patience_s)
                            servers.append(server)
                        for count in map(int, chosen.conversations.split(",")):
                            row = measured(servers, count, cluster, network, chosen)
                            found.setdefault((number, count, version.name), []).append(row)
                            print(number, count, version.name, *(f"{value:.2f}" for value in row), flush=True)
    heads = ("servers", "conversations", "version", "turns/s", "p50 ms", "p99 ms", "other p50", "other p99")
    heads += ("statements", "trips", "CPU µs", "PG CPU µs")
    print("".join(f"{head:>14}" for head in heads))
    for key, rows in found.items():
        middle = [statistics.median(column) for column in zip(*rows, strict=True)]
        print("".join(f"{part:>14}" for part in key) + "".join(f"{value:>14.2f}" for value in middle))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
