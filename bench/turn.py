"""Socket.IO turns per second, beside a bare echo on the same transport, in one run.

    python bench/turn.py [--project DIR] [--conversations 1,8,32] [--seconds 5] [--rounds 3]

Without --project a new assistant is made with `manent init`. Rounds alternate between the two servers, and medians are
printed, because machines are shared and noisy: only the ratio counts. Each message is a text never sent before, and
each of Manent's turns is one durable commit.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from load import Result, free_port, run, serving
from project import new_project

PHRASES = ("hello", "bye", "are you a bot?", "hi there", "good morning")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--conversations", default="1,8,32")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = options.project or new_project(Path(folder))
        log = Path(folder) / "server.log"
        echo_url, our_url = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        echo = [sys.executable, str(Path(__file__).with_name("echo_server.py")), echo_url.rsplit(":", 1)[1]]
        ours = [sys.executable, "-m", "manent", "run", "-i", "127.0.0.1", "-p", our_url.rsplit(":", 1)[1]]
        with (
            serving(echo, cwd=project, url=echo_url, log=log) as echo_server,
            serving(ours, cwd=project, url=our_url, log=log) as our_server,
        ):
            print(
                f"{'conversations':>13} {'server':>7} {'turns/s':>8} {'p50 ms':>7} {'p99 ms':>7} {'CPU µs':>7}"
                f" {'per core':>9}"
            )
            for count in map(int, options.conversations.split(",")):
                rounds: dict[str, list[Result]] = {"echo": [], "manent": []}
                for _ in range(options.rounds):
                    for name, url, server in (("echo", echo_url, echo_server), ("manent", our_url, our_server)):
                        measured = run(url, server.pid, conversations=count, seconds=options.seconds, phrases=PHRASES)
                        rounds[name].append(asyncio.run(measured))
                for name, results in rounds.items():
                    print(_row(count, name, results))
                ratios = [
                    ours.per_core / echo.per_core for ours, echo in zip(rounds["manent"], rounds["echo"], strict=True)
                ]
                print(f"{count:>13} ratio per core: median {statistics.median(ratios):.0%} of the echo")


def _row(count: int, name: str, results: list[Result]) -> str:
    def middle(attribute: str) -> float:
        return statistics.median(getattr(result, attribute) for result in results)

    return (
        f"{count:>13} {name:>7} {middle('per_second'):>8.0f} {middle('p50_ms'):>7.2f} {middle('p99_ms'):>7.2f}"
        f" {middle('cpu_us'):>7.0f} {middle('per_core'):>9.0f}"
    )


if __name__ == "__main__":
    main()
