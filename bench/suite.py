"""Run all measurements with Manent, a minimal echo server and, if it is installed, real Rasa.

    python bench/suite.py [--only PART …] [--quick | --write-only]

Each part is a separate program in this folder. The results are written to `bench/results/PART.json`, printed as tables,
and written with tables and pictures into `docs/performance.md` (`report.py`). --quick takes minutes instead of an hour
and checks that everything runs. Its figures are not written, because they are not exact enough. --write-only does not
measure, and writes the page again from the existing results.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import cold_start
import growth
import idle
import latency
import psutil
import training
import turn
from report import write_report
from rich.console import Console
from rich.table import Table
from servers import ECHO, PEER, bots

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement."""

    title: str
    measure: Callable[[], Any]
    quick: Callable[[], Any]
    rows: Callable[[Any], list[list[str]]]


def _socketio(seconds: float, rounds: int) -> Any:
    return turn.measure([ECHO, *bots()], seconds=seconds, rounds=rounds)


def _rest(seconds: float, rounds: int) -> Any:
    return turn.measure(bots(), channel="rest", seconds=seconds, rounds=rounds)


PARTS = {
    "training": Part("Training", training.measure, lambda: training.measure(1), training.rows),
    "cold_start": Part("Start to first answer", cold_start.measure, lambda: cold_start.measure(1), cold_start.rows),
    "latency": Part("One message at a time", latency.measure, lambda: latency.measure(60), latency.rows),
    "socketio": Part("Socket.IO, many at once", lambda: _socketio(5.0, 5), lambda: _socketio(1.0, 1), turn.rows),
    "rest": Part("REST, many at once", lambda: _rest(5.0, 3), lambda: _rest(1.0, 1), turn.rows),
    "growth": Part("Old and young conversations", growth.measure, lambda: growth.measure(200, 60), growth.rows),
    "idle": Part("Idle connections", idle.measure, lambda: idle.measure([200], 1.0), idle.rows),
}


def machine() -> dict[str, str]:
    """Return the versions and machine properties that affect the figures."""
    packages = ("manent", "python-socketio", "python-engineio", "uvicorn", "uvloop", "numpy", "msgspec")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def show(console: Console, title: str, rows: list[list[str]]) -> None:
    """Print a table whose first row is its header."""
    table = Table(title=title, title_justify="left")
    for number, head in enumerate(rows[0]):
        table.add_column(head, justify="right" if number > 1 else "left")
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", action="store_true")
    mode.add_argument("--write-only", action="store_true")
    chosen = parser.parse_args()
    console = Console()
    if not PEER.exists():
        console.print(
            f"Rasa is not measured, because it is not installed in {PEER}. "
            "`make bench-peer` installs it (Python 3.10 needed)."
        )
    RESULTS.mkdir(exist_ok=True)
    for name in () if chosen.write_only else chosen.only:
        part = PARTS[name]
        measured = part.quick() if chosen.quick else part.measure()
        show(console, part.title, part.rows(measured))
        if not chosen.quick:
            text = json.dumps({"machine": machine(), "measured": measured}, indent=1) + "\n"
            (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    if not chosen.quick:
        tables = {name: part.rows for name, part in PARTS.items()}
        console.print(f"Written: {write_report(RESULTS, tables)}")


if __name__ == "__main__":
    sys.exit(main())
