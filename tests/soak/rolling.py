"""Repeatedly restarts two servers behind nginx and HAProxy while clients that do not retry send messages.

Prints, for each load balancer, the number of answers and every error. The exit status is 1 if there was an error.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import httpx

from faults.rolling import Clients, roll
from faults.servers import fleet, until
from support.proxies import proxy


async def run(program: str, folder: Path, *, rounds: int, clients: int, lame_duck_s: float) -> Clients:
    """Restart both servers `rounds` times behind one load balancer."""
    options = ("--lame-duck", str(lame_duck_s))
    with fleet(folder / "project") as servers:
        found = [servers.start(*options) for _ in range(2)]
        with proxy(program, folder / program, [server.port for server in found]) as url:
            await until(lambda: httpx.get(f"{url}/health/ready").status_code == 200)
            return await roll(servers, found, url, *options, rounds=rounds, clients=clients, settle_s=2)


def main() -> int:
    """Read the arguments, run, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=16, help="of each kind: REST, plain Socket.IO")
    parser.add_argument("--lame-duck", type=float, default=1.0)
    chosen = parser.parse_args()
    errors = 0
    for program in ("nginx", "haproxy"):
        with tempfile.TemporaryDirectory(prefix="manent-rolling-") as folder:
            clients = asyncio.run(
                run(
                    program,
                    Path(folder),
                    rounds=chosen.rounds,
                    clients=chosen.clients,
                    lame_duck_s=chosen.lame_duck,
                )
            )
        errors += len(clients.errors)
        print(f"{program}: {2 * chosen.rounds} restarts, {clients.answered} answers, {len(clients.errors)} errors")
        print("".join(f"  {error}\n" for error in clients.errors), end="")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
