"""Kills servers at random moments under load, and checks over the network that no guarantee was broken.

    make soak ARGS="[--kills 200] [--visitors 12] [--servers 2] [--mutation NAME | --mutations]"

The servers share one database. The visitors send raw frames (`crash_client.py`). Each visitor has one tab that sends
messages and one that only receives. The answers are short, have three parts, or need a custom action. Operators take
conversations, answer and hand them back at random (`crash_operators.py`). Some visitors
erase their conversation, and some use a plain Rasa page. After the last kill, the load ends, and `crash_judge.py`
compares the logs with the frames that every tab received. With --mutation, one guarantee is broken on purpose
(`mutant.py`), and the run must find violations. --mutations tests all mutations.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from soak.crash_client import Plain, Tab, Visitor
from soak.crash_judge import (
    Verdict,
    judge_handler,
    judge_keys,
    judge_ledger,
    judge_notes,
    judge_operators,
    judge_plain,
    judge_visitor,
    read_ledger,
)
from soak.crash_operators import Operator, read_log
from soak.mutant import CAUGHT_AS, MUTATIONS
from support.ports import free_port
from support.processes import manent

COUNTER = Path(__file__).parents[2] / "bench" / "assistants" / "counter"


@dataclass(slots=True)
class Fleet:
    """Server processes of one project, each on a separate port."""

    project: Path
    ports: list[int]
    mutation: str | None
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: list[tuple[float, int]] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        """Addresses of the servers."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def start(self, port: int) -> None:
        """Start the server of a port."""
        mutation = ["--mutation", self.mutation] if self.mutation else []
        command = [sys.executable, "-m", "soak.desk_server", *mutation, "run", "-i", "127.0.0.1", "-p", str(port)]
        environment = {**os.environ, "COUNT_FILE": str(self.project / "ledger"), "COUNT_SECONDS": "0.15"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        with (self.project / "server.log").open("ab") as out:
            self.processes[port] = subprocess.Popen(command, cwd=self.project, stdout=out, stderr=out, env=environment)

    def kill(self, port: int) -> None:
        """`kill -9` the server of a port and start it again."""
        process = self.processes[port]
        self.kills.append((time.time(), process.pid))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.start(port)

    def stop(self) -> None:
        """Stop all servers."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)


async def trial(options: argparse.Namespace, mutation: str | None) -> Verdict:
    """Run servers under load, kill them, wait until all turns have ended, and return the verdict."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "counter"
        shutil.copytree(COUNTER, project, ignore=shutil.ignore_patterns("models", "*.db*", "__pycache__", ".*"))
        trained = manent("train", cwd=project)
        if trained.returncode:
            sys.exit(trained.stdout + trained.stderr)
        fleet = Fleet(project, [free_port() for _ in range(options.servers)], mutation)
        for port in fleet.ports:
            fleet.start(port)
        try:
            verdict = await _talk_and_kill(options, fleet)
        finally:
            fleet.stop()
        judge_ledger(verdict, read_ledger(fleet.project / "ledger"), fleet.kills)
        verdict.seen["kills"] = len(fleet.kills)
        if options.keep_log:
            shutil.copy(fleet.project / "server.log", options.keep_log)
        return verdict


async def _talk_and_kill(options: argparse.Namespace, fleet: Fleet) -> Verdict:
    rng = random.Random(options.seed)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await _all_up(http, fleet)
        visitors = []
        for _ in range(options.visitors):
            session_id = uuid.uuid4().hex
            speaker = Tab(http, fleet.urls, session_id, random.Random(rng.random()))
            listener = Tab(http, fleet.urls, session_id, random.Random(rng.random()), accepts=["agent"])
            visitors.append(Visitor(speaker, listener, random.Random(rng.random())))
        plain = [Plain(http, fleet.urls, uuid.uuid4().hex, random.Random(rng.random())) for _ in range(options.plain)]
        sender_ids = [*(visitor.speaker.session_id for visitor in visitors), *(page.session_id for page in plain)]
        operators = [
            Operator(f"operator{number}", http, fleet.urls, random.Random(rng.random()))
            for number in range(options.operators)
        ]
        stop, end = asyncio.Event(), asyncio.Event()
        talking = [
            asyncio.create_task(visitor.live(stop, 0.02 if number % 4 == 3 else 0.0))
            for number, visitor in enumerate(visitors)
        ]
        handling = [asyncio.create_task(operator.live(stop, sender_ids)) for operator in operators]
        listening = [asyncio.create_task(page.live(stop, end)) for page in plain]
        for number in range(options.kills):
            await asyncio.sleep(options.every * (0.5 + rng.random()))
            await _one_up(http, fleet)  # without this, a slow machine would only start servers
            fleet.kill(rng.choice(fleet.ports))
            if number % 20 == 19:
                print(f"  {number + 1} kills", flush=True)
        stop.set()
        await _all_up(http, fleet)
        await asyncio.wait(talking, timeout=90)
        await asyncio.gather(*handling)
        verdict = Verdict()
        ledger = read_ledger(fleet.project / "ledger")
        for task in talking:
            if not task.done():
                verdict.add("unanswered", "a visitor still waits for an acknowledgement")
                task.cancel()
            elif task.exception() is not None:
                raise task.exception()  # type: ignore[misc]
        await asyncio.sleep(8)  # time for the other servers to take over unfinished turns and to poll for news
        end.set()
        await asyncio.wait(listening, timeout=20)
        logs = {sender_id: await read_log(http, fleet.urls, sender_id) for sender_id in sender_ids}
        handled = {sender_id: judge_handler(verdict, sender_id, log["events"]) for sender_id, log in logs.items()}
        judge_operators(verdict, operators, logs)
        for visitor in visitors:
            history, epoch = await _history(visitor.speaker)
            judge_visitor(verdict, visitor, history, epoch, handled[visitor.speaker.session_id])
            for tab in (visitor.speaker, visitor.listener):
                judge_notes(verdict, tab.record)
            judge_keys(verdict, ledger, history, epoch)
        for page in plain:
            tab = Tab(http, fleet.urls, page.session_id, rng)
            await asyncio.wait_for(tab.joined.wait(), 20)
            history, _ = await _history(tab)
            judge_plain(verdict, page, history, handled[page.session_id])
            judge_notes(verdict, page.record)
            await tab.close()
        for visitor in visitors:
            await visitor.speaker.close()
            await visitor.listener.close()
        return verdict


async def _history(tab: Tab) -> tuple[list[dict[str, Any]], str]:
    """Read a whole conversation page by page, newest page first; return its entries and its epoch."""
    await asyncio.wait_for(tab.joined.wait(), 30)
    named = {"session_id": tab.session_id, "limit": 200, "accepts": ["agent"]}
    answer = await tab.request("session_request", {"protocol": 1, **named})
    epoch, messages = answer["epoch"], answer["messages"]
    while answer["has_more"]:
        answer = await tab.request("history_request", {**named, "before": messages[0]["seq"]})
        messages = answer["messages"] + messages
    return messages, epoch


async def _all_up(http: aiohttp.ClientSession, fleet: Fleet) -> None:
    await _wait_for(http, all, fleet)


async def _one_up(http: aiohttp.ClientSession, fleet: Fleet) -> None:
    await _wait_for(http, any, fleet)


async def _wait_for(http: aiohttp.ClientSession, enough: Callable[[list[bool]], bool], fleet: Fleet) -> None:
    for _ in range(600):
        if enough([await _is_ready(http, url) for url in fleet.urls]):
            return
        await asyncio.sleep(0.05)
    sys.exit("the servers do not come up; see server.log")


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def main() -> None:
    """Run and print the result; exit with 1 if a guarantee was broken, or if a mutation was not detected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--every", type=float, default=1.5, help="seconds between kills, on average")
    parser.add_argument("--visitors", type=int, default=12)
    parser.add_argument("--plain", type=int, default=3)
    parser.add_argument("--operators", type=int, default=3)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutation", choices=sorted(MUTATIONS))
    parser.add_argument("--mutations", action="store_true")
    parser.add_argument("--keep-log")
    options = parser.parse_args()
    wrong = False
    for mutation in [*MUTATIONS] if options.mutations else [options.mutation]:
        print(f"{mutation or 'as it is'}: {options.kills} kills of {options.servers} servers")
        verdict = asyncio.run(trial(options, mutation))
        print("  seen: " + ", ".join(f"{count} {name}" for name, count in verdict.seen.items()))
        for name, count in verdict.violations.items():
            print(f"  VIOLATION {name}: {count}, for example {verdict.examples[name]}")
        if not verdict.violations:
            print("  no violation")
        if mutation is None:
            wrong |= bool(verdict.violations)
        else:
            caught = verdict.violations[CAUGHT_AS[mutation]] > 0
            print(f"  {mutation}: {'caught' if caught else 'NOT CAUGHT'} as {CAUGHT_AS[mutation]!r}")
            wrong |= not caught
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
