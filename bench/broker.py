"""Measure the cost of an event broker: server CPU and latency with and without a broker, and the broker's delay.

    python bench/broker.py [--seconds 5] [--rounds 3] [--conversations 1 32] [--rabbitmq amqp://guest:guest@localhost/]

The server runs the publisher while it answers messages. The publisher reads the log again and sends the events to the
broker. The publisher's cost is the additional CPU time per turn.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import load
from project import trained
from servers import MANENT, Running, running, wait_until_up


def measure(sections: dict[str, str], seconds: float, rounds: int, conversations: list[int]) -> dict[str, Any]:
    """Return medians over the rounds, by broker and number of conversations."""
    found: dict[str, dict[int, list[tuple[load.Result, float]]]] = {name: {} for name in sections}
    with tempfile.TemporaryDirectory() as folder:
        project = trained(MANENT, Path(folder) / "project")
        for _ in range(rounds):
            for name, section in sections.items():
                (project / "endpoints.yml").write_text(section)
                with running(MANENT, project, log=Path(folder) / "server.log") as server:
                    wait_until_up(server, MANENT.patience_s)
                    for count in conversations:
                        result = asyncio.run(load.run(server, conversations=count, seconds=seconds))
                        found[name].setdefault(count, []).append((result, behind_s(server) if section else 0.0))
    return {
        name: {
            count: {
                "turns_per_second": round(statistics.median(one.per_second for one, _ in results)),
                "p50_ms": round(statistics.median(one.p50_ms for one, _ in results), 2),
                "p99_ms": round(statistics.median(one.p99_ms for one, _ in results), 2),
                "cpu_us": round(statistics.median(one.cpu_us for one, _ in results)),
                "behind_s": round(statistics.median(late for _, late in results), 2),
            }
            for count, results in by_count.items()
        }
        for name, by_count in found.items()
    }


def behind_s(server: Running) -> float:
    """Wait until all events are published; return the seconds that this took."""
    began = time.perf_counter()
    while True:
        with urllib.request.urlopen(f"{server.url}/health/ready", timeout=30) as answer:  # noqa: S310  # our own
            if json.load(answer)["event_broker"]["waiting"] == 0:
                return time.perf_counter() - began
        time.sleep(0.05)


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--conversations", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--rabbitmq", metavar="URL")
    given = parser.parse_args()
    sections = {"none": "", "file": "event_broker:\n  type: file\n", "sqlite": "event_broker:\n  type: sql\n"}
    if given.rabbitmq:
        sections["rabbitmq"] = f"event_broker:\n  type: pika\n  url: {given.rabbitmq}\n"
    for name, figures in measure(sections, given.seconds, given.rounds, given.conversations).items():
        for count, row in figures.items():
            print(f"{name:>9} {count:>3} conversations  {row}")


if __name__ == "__main__":
    main()
