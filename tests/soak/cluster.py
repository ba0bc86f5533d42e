"""Kills servers and PostgreSQL and cuts networks under load, and checks that no guarantee was broken.

    make soak-cluster ARGS="[--faults 200] [--servers 3] [--proxy haproxy]"

Several servers share one PostgreSQL, behind nginx or HAProxy as configured in the documentation. Each server reaches
PostgreSQL through a separate network, which can be cut. All servers run on hosts with the same name and have the same
process id, and their clocks differ by minutes. The visitors are those of `crash.py`, and `crash_judge.py` compares the
logs with the frames that every tab received.
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
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from soak.crash_client import Tab, Visitor
from soak.crash_judge import Verdict, judge_keys, judge_visitor, read_ledger
from support import postgres
from support.network import Network
from support.ports import free_port
from support.processes import manent
from support.proxies import proxy

TESTS = Path(__file__).parents[1]
COUNTER = TESTS.parent / "bench/assistants/counter"
SKEWED = [sys.executable, str(TESTS / "faults/skewed.py")]
SKEWS = (0.0, 150.0, -90.0)
"""Difference of each server's clock from the real time, in seconds."""

SETTLE_S = 15.0
"""Time after the last fault within which every message is answered and delivered."""

GROWTH_MB = 60.0
"""Maximum difference of a server's memory between the start of the load and its end."""


@dataclass(slots=True)
class Host:
    """A server on a host of its own.

    Attributes:
        network: its connection to PostgreSQL.
        ahead_s: difference of its clock from the real time.
        first_mb: memory after the first start.
    """

    number: int
    port: int
    network: Network
    ahead_s: float
    process: subprocess.Popen[bytes] | None = None
    first_mb: float = 0.0

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def memory_mb(self) -> float:
        """Return the resident memory of the server."""
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        return max((each.memory_info().rss for each in family), default=0) / 1e6


@dataclass(slots=True)
class Site:
    """The hosts, their database, and the faults so far."""

    project: Path
    database: postgres.Cluster
    hosts: list[Host]
    faults: Counter[str] = field(default_factory=Counter)

    def start(self, host: Host) -> None:
        """Start a server in a host and process namespace, in which it has the same name and id as all others."""
        inside = 'hostname manent-0; mount -t proc proc /proc; exec "$@"'
        command = ["unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inside, "sh"]
        command += [*SKEWED, str(host.ahead_s), "run", "-i", "127.0.0.1", "-p", str(host.port), "--lame-duck", "0"]
        command += ["--endpoints", f"endpoints-{host.number}.yml"]
        environment = {**os.environ, "COUNT_FILE": str(self.project / "ledger"), "COUNT_SECONDS": "0.15"}
        with (self.project / f"server-{host.number}.log").open("ab") as out:
            host.process = subprocess.Popen(command, cwd=self.project, stdout=out, stderr=out, env=environment)

    def kill(self, host: Host) -> None:
        """`kill -9` a server, and start it again."""
        self.faults["servers killed"] += 1
        self.end(host, signal.SIGKILL)
        self.start(host)

    def end(self, host: Host, how: signal.Signals) -> None:
        """End a server with a signal."""
        assert host.process is not None
        for each in psutil.Process(host.process.pid).children(recursive=False):
            each.send_signal(how)
        host.process.wait(60)

    async def kill_database(self, pause_s: float) -> None:
        """End PostgreSQL as in a crash, and start it again."""
        self.faults["PostgreSQL killed"] += 1
        await asyncio.to_thread(self.database.stop, "immediate")
        await asyncio.sleep(pause_s)
        await asyncio.to_thread(self.database.start)

    async def cut(self, host: Host, pause_s: float) -> None:
        """Drop everything between a server and PostgreSQL for a time."""
        self.faults["networks cut"] += 1
        host.network.silence()
        await asyncio.sleep(pause_s)
        host.network.resume()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The size of a trial.

    Attributes:
        faults: number of faults of all kinds.
        every: seconds between faults, on average.
        keep_logs: folder to which the project is copied at the end.
    """

    faults: int = 200
    every: float = 1.5
    visitors: int = 12
    servers: int = 3
    seed: int = 1
    keep_logs: str | None = None


async def trial(options: Options, program: str) -> Verdict:
    """Run servers under load, cause faults, wait until all turns have ended, and return the verdict."""
    bin_folder = postgres.programs()
    if bin_folder is None:
        sys.exit("needs PostgreSQL (apt install postgresql)")
    with tempfile.TemporaryDirectory() as folder, postgres.running(bin_folder, durable=True) as database:
        project = Path(folder) / "counter"
        shutil.copytree(COUNTER, project, ignore=shutil.ignore_patterns("models", "*.db*", "__pycache__", ".*"))
        trained = await asyncio.to_thread(manent, "train", cwd=project)
        if trained.returncode:
            sys.exit(trained.stdout + trained.stderr)
        async with AsyncExitStack() as parts:
            hosts = []
            for number in range(options.servers):
                network = Network(lambda: asyncio.open_unix_connection(database.socket))
                await network.open()
                parts.push_async_callback(network.close)
                hosts.append(Host(number, free_port(), network, SKEWS[number % len(SKEWS)]))
                _write_endpoints(project, number, network.port)
            site = Site(project, database, hosts)
            try:
                for host in hosts:
                    site.start(host)
                with proxy(program, Path(folder) / program, [host.port for host in hosts]) as url:
                    verdict = await _talk_and_break(options, site, url)
            finally:
                for host in hosts:
                    await asyncio.to_thread(site.end, host, signal.SIGTERM)
        verdict.seen.update(site.faults)
        for host in hosts:
            _judge_log(verdict, project / f"server-{host.number}.log")
        if options.keep_logs:
            shutil.copytree(project, options.keep_logs, dirs_exist_ok=True)
        return verdict


def _write_endpoints(project: Path, number: int, port: int) -> None:
    store = f"postgresql://{postgres.ACCOUNT}@127.0.0.1:{port}/postgres"
    actions = (project / "endpoints.yml").read_text()
    text = f"{actions}\ntracker_store:\n  type: SQL\n  dialect: postgresql\n  url: {store}\n"
    (project / f"endpoints-{number}.yml").write_text(text)


async def _talk_and_break(options: Options, site: Site, url: str) -> Verdict:
    rng = random.Random(options.seed)
    verdict = Verdict()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await _all_ready(http, site.hosts)
        for host in site.hosts:
            host.first_mb = host.memory_mb()
        visitors = []
        for _ in range(options.visitors):
            session_id = uuid.uuid4().hex
            speaker, listener = (Tab(http, [url], session_id, random.Random(rng.random())) for _ in range(2))
            visitors.append(Visitor(speaker, listener, random.Random(rng.random())))
        stop = asyncio.Event()
        talking = [asyncio.create_task(visitor.live(stop, 0.0)) for visitor in visitors]
        for number, fault in enumerate(_faults(options.faults, rng)):
            await asyncio.sleep(options.every * (0.5 + rng.random()))
            if not await _is_talking(visitors):
                verdict.add("no acknowledgement for a minute", f"before fault {number + 1}, {fault}")
            await _cause(fault, site, rng)
            if number % 20 == 19:
                print(f"  {number + 1} faults", flush=True)
        await _all_ready(http, site.hosts)
        stop.set()
        ended = time.monotonic()
        _, unanswered = await asyncio.wait(talking, timeout=SETTLE_S)
        for task in unanswered:
            verdict.add("unanswered", f"a visitor still waits for an acknowledgement after {SETTLE_S} s")
            task.cancel()
        await asyncio.sleep(max(0.0, SETTLE_S - (time.monotonic() - ended)))
        ledger = read_ledger(site.project / "ledger")
        for visitor in visitors:
            history, epoch = await _history(visitor.speaker)
            judge_visitor(verdict, visitor, history, epoch, set())
            judge_keys(verdict, ledger, history, epoch)
            verdict.seen["messages in the logs"] += len(history)
        for visitor in visitors:
            await visitor.speaker.close()
            await visitor.listener.close()
        for host in site.hosts:
            await _judge_host(verdict, http, host)
    return verdict


def _faults(count: int, rng: random.Random) -> list[str]:
    """Return faults in random order. Of 11 faults, 8 kill a server, one kills PostgreSQL, and 2 cut a network."""
    kinds = ["server"] * 3 + ["network"] + ["server"] * 3 + ["database"] + ["server", "network", "server"]
    faults = [kinds[number % len(kinds)] for number in range(count)]
    rng.shuffle(faults)
    return faults


async def _cause(fault: str, site: Site, rng: random.Random) -> None:
    host = rng.choice(site.hosts)
    if fault == "server":
        await asyncio.to_thread(site.kill, host)
    elif fault == "database":
        await site.kill_database(rng.random())
    else:
        await site.cut(host, 0.2 + 3 * rng.random())


async def _is_talking(visitors: Sequence[Visitor]) -> bool:
    """Wait until servers acknowledge messages again, so that each fault has an effect. Return whether they do."""
    before = _acknowledged(visitors)
    for _ in range(600):
        if _acknowledged(visitors) >= before + len(visitors):
            return True
        await asyncio.sleep(0.1)
    return False


def _acknowledged(visitors: Sequence[Visitor]) -> int:
    return sum(message.seq is not None for visitor in visitors for message in visitor.sent)


async def _history(tab: Tab) -> tuple[list[dict[str, Any]], str]:
    """Read a whole conversation page by page; return its entries and its epoch."""
    await asyncio.wait_for(tab.joined.wait(), 30)
    named = {"session_id": tab.session_id, "limit": 200}
    answer = await tab.request("session_request", {"protocol": 1, **named})
    epoch, messages = answer["epoch"], answer["messages"]
    while answer["has_more"]:
        answer = await tab.request("history_request", {**named, "before": messages[0]["seq"]})
        messages = answer["messages"] + messages
    return messages, epoch


async def _all_ready(http: aiohttp.ClientSession, hosts: Sequence[Host]) -> None:
    for host in hosts:
        for _ in range(900):
            if (await _ready(http, host))[0] == HTTPStatus.OK:
                break
            await asyncio.sleep(0.1)
        else:
            sys.exit(f"server {host.number} does not become ready; see --keep-logs")


async def _ready(http: aiohttp.ClientSession, host: Host) -> tuple[int, Any]:
    try:
        async with http.get(f"{host.url}/health/ready") as answer:
            return answer.status, await answer.json()
    except aiohttp.ClientError:
        return 0, None


async def _judge_host(verdict: Verdict, http: aiohttp.ClientSession, host: Host) -> None:
    """Check that a server answers, that no background task fails, and that its memory has not grown."""
    status, found = await _ready(http, host)
    if status != HTTPStatus.OK or "failing" in (found or {}):
        verdict.add("background tasks that fail", (host.number, status, found))
    body = {"sender": uuid.uuid4().hex, "message": "hello"}
    async with http.post(f"{host.url}/webhooks/rest/webhook", json=body) as answer:
        if answer.status != HTTPStatus.OK or len(await answer.json()) != 1:
            verdict.add("server that does not answer", (host.number, answer.status))
    grown = host.memory_mb() - host.first_mb
    verdict.seen["most growth in MB"] = max(verdict.seen["most growth in MB"], round(grown))
    if grown > GROWTH_MB:
        verdict.add("memory grew", f"server {host.number}: {grown:.0f} MB more than {host.first_mb:.0f} MB")


def _judge_log(verdict: Verdict, log: Path) -> None:
    """Check that a server has met no error that it did not expect."""
    lines = log.read_text(errors="replace").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("Traceback"):
            verdict.add("traceback in a log", " / ".join(lines[max(0, number - 1) : number + 30])[-300:])


def main() -> None:
    """Run and print the results; exit with 1 if a guarantee was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200, help="faults of all kinds")
    parser.add_argument("--every", type=float, default=1.5, help="seconds between faults, on average")
    parser.add_argument("--visitors", type=int, default=12)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--proxy", choices=["nginx", "haproxy"], action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-logs")
    given = vars(parser.parse_args())
    proxies = given.pop("proxy") or ["nginx", "haproxy"]
    options = Options(**given)
    wrong = False
    for program in proxies:
        print(f"{program}: {options.faults} faults, {options.servers} servers", flush=True)
        verdict = asyncio.run(trial(options, program))
        print("  seen: " + ", ".join(f"{count} {name}" for name, count in verdict.seen.items()))
        for name, count in verdict.violations.items():
            print(f"  VIOLATION {name}: {count}, for example {verdict.examples[name]}")
        if not verdict.violations:
            print("  no violation", flush=True)
        wrong |= bool(verdict.violations)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
