"""Measure turns per second with many conversations at once, compared with a minimal echo server on the same transport.

    python bench/turn.py [--project DIR] [--conversations 1,8,32] [--seconds 5] [--rounds 3] [--channel socketio|rest]
                 [--visit 0] [--at-least RATIO] [--against CHECKOUT]

Without --project, the program creates an assistant with `manent init`. The servers run alternately, and the program
prints medians. Machines are often shared, so only the ratio is meaningful. Each message is a new text, and each of
Manent's turns is one durable commit. With --visit, each visitor leaves after this number of messages and is replaced by
a new visitor on a new socket. Without this option, all visitors stay, so the figures do not include the cost of
connecting. "Per core" means turns per second of the server's CPU time. With --at-least, the exit status is 1 if, for
any number of conversations, Manent's turns per core divided by the echo server's are less than RATIO. With --against,
the program also measures another checkout, which needs a virtual environment in `.venv`.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from load import Channel, RestTalker, Result, Talker, run
from project import trained, trained_by_each
from servers import ECHO, MANENT, Contender, checked_out, running, wait_until_up

CHANNELS: dict[str, Channel] = {"socketio": Talker, "rest": RestTalker}


def measure(
    contenders: Sequence[Contender],
    *,
    channel: str = "socketio",
    conversations: Sequence[int] = (1, 8, 32),
    seconds: float = 5.0,
    rounds: int = 3,
    visit: int = 0,
    project: Path | None = None,
    other_versions: Sequence[Contender] = (),
) -> dict[str, Any]:
    """Measure all servers one after another. Return the medians of their `Result`s by number of conversations and name.

    `other_versions` are other versions of Manent, which are measured with the same project.

    The additional key `ratio` contains Manent's turns per core divided by the echo server's (median over the rounds).
    """
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = {}
        versions = [*other_versions, MANENT] if other_versions else []
        projects = dict(zip(versions, trained_by_each(versions, Path(folder)), strict=True)) if versions else {}
        for contender in [*other_versions, *contenders]:
            its_project = project or projects.get(contender) or trained(contender, Path(folder) / contender.name)
            server = stack.enter_context(running(contender, its_project, log=Path(folder) / "server.log"))
            wait_until_up(server, contender.patience_s)
            servers[contender.name] = server
        for count in conversations:
            measured: dict[str, list[Result]] = {name: [] for name in servers}
            for _ in range(rounds):
                for name, server in servers.items():
                    over = CHANNELS[channel]
                    talk = run(server, conversations=count, seconds=seconds, over=over, visit=visit)
                    measured[name].append(asyncio.run(talk))
            results[str(count)] = {name: _middle(several) for name, several in measured.items()}
            if ECHO.name in measured:
                pairs = zip(measured[MANENT.name], measured[ECHO.name], strict=True)
                results[str(count)]["ratio"] = statistics.median(ours.per_core / echo.per_core for ours, echo in pairs)
    return results


def _middle(several: Sequence[Result]) -> dict[str, float]:
    rows = [{**asdict(one), "per_core": one.per_core} for one in several]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, then a row for each number of conversations and server."""
    table = [["conversations", "", "turns/s", "p50 ms", "p99 ms", "CPU µs a turn", "per core", "of the echo's"]]
    for count, by_name in results.items():
        for name, one in by_name.items():
            if name == "ratio":
                continue
            ratio = f"{by_name['ratio']:.0%}" if name == MANENT.name and "ratio" in by_name else ""
            numbers = [f"{one[key]:.0f}" for key in ("per_second",)] + [
                f"{one[key]:.2f}" for key in ("p50_ms", "p99_ms")
            ]
            table.append([count, name, *numbers, f"{one['cpu_us']:.0f}", f"{one['per_core']:.0f}", ratio])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--conversations", default="1,8,32")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channel", choices=CHANNELS, default="socketio")
    parser.add_argument("--visit", type=int, default=0, metavar="MESSAGES")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="RATIO")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    chosen = parser.parse_args()
    everything = measure(
        [ECHO, MANENT] if chosen.channel == "socketio" else [MANENT],
        channel=chosen.channel,
        conversations=[int(count) for count in chosen.conversations.split(",")],
        seconds=chosen.seconds,
        rounds=chosen.rounds,
        visit=chosen.visit,
        project=chosen.project,
        other_versions=[checked_out(chosen.against)] if chosen.against else [],
    )
    for row in rows(everything):
        print("".join(f"{cell:>14}" for cell in row))
    if slow := [count for count, by_name in everything.items() if by_name.get("ratio", 1.0) < chosen.at_least]:
        sys.exit(f"fewer turns per core than {chosen.at_least:.0%} of the echo's at {', '.join(slow)} conversations")
