"""Servers that are killed while two platforms deliver webhooks, and refuse or delay every fifth send.

`MANENT_KILLS=100 pytest -s tests/channels/test_kills.py` kills more often, and prints the counts.
"""

import asyncio
import contextlib
import itertools
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import MethodType

import httpx
import pytest

from manent.core.events import UserUttered
from manent.stores.sqlite.store import SqliteStore
from manent.training import TrainingOptions, train
from support.platforms import platform_of
from support.platforms.platform import Fault, Platform, Sent, Webhook
from support.ports import free_port
from support.processes import MANENT, listens
from support.small_talk import until, write_project

KILLS = int(os.environ.get("MANENT_KILLS", "6"))
"""Number of kills: half of them of the only server, half of them of one of two servers."""

PLATFORMS = ("telegram", "slack")
VISITORS = 6
"""Number of visitors of each platform."""

AT_ONCE = 3
"""Number of messages of one visitor that a platform delivers at the same time, in any order."""

COMMIT_S = 3.0
"""Maximum seconds from the answer to a send until the server has stored that the message was sent."""

ARRIVAL_S = 3.0
"""Maximum seconds from a kill until the platform has read what the server had sent before."""

DOMAIN = """
version: "3.1"
intents: [echo]
slots:
  heard: {type: text, influence_conversation: false, mappings: [{type: from_text}]}
responses:
  utter_echo: [{text: "heard {heard}\\n\\nend of {heard}"}]
"""
NLU = """
version: "3.1"
nlu:
- intent: echo
  examples: |
    - text
"""
RULES = """
version: "3.1"
rules:
- rule: echo
  steps: [{intent: echo}, {action: utter_echo}]
"""


@dataclass
class Call:
    """One send, as the platform received it."""

    text: str
    began: float
    ended: float = float("inf")
    is_shown: bool = False


@dataclass
class Record:
    """What one platform saw.

    Attributes:
        platform: the platform's double, whose sends are recorded.
        visitors: ids of the visitors.
        calls: visitor → all sends, in the order of their arrival.
        faults: number of sends that the platform refused or delayed, by kind.
        deliveries: number of webhook requests.
        texts: visitor → the texts that were delivered and confirmed.
    """

    platform: Platform
    visitors: list[str]
    calls: dict[str, list[Call]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    texts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.platform.send = MethodType(lambda _, sent: self.send(sent), self.platform)  # type: ignore[method-assign]

    async def send(self, sent: Sent) -> Fault | None:
        """Show a message, or refuse or delay every fifth one."""
        self.platform.attempts += 1
        call = Call(sent.text, time.monotonic())
        self.calls.setdefault(sent.to, []).append(call)
        fault: Fault | None = None
        if self.platform.attempts % 5 == 0:
            kind = random.choice(("busy", "down", "slow"))  # noqa: S311
            self.faults[kind] += 1
            fault = {"busy": "busy", "down": "down"}.get(kind)  # type: ignore[assignment]
        if fault is None:
            call.is_shown = True
            self.platform.sent.append(sent)
        if self.platform.attempts % 5 == 0 and fault is None:
            await asyncio.sleep(random.uniform(0.5, 3.0))  # noqa: S311
        call.ended = time.monotonic()
        return fault

    async def deliver(self, ports: list[int], hook: Webhook) -> None:
        """Deliver a webhook to any server, and repeat it until one server confirms it."""
        async with httpx.AsyncClient(timeout=10) as http:
            while True:
                url = f"http://127.0.0.1:{random.choice(ports)}/webhooks/{self.platform.name}/webhook"  # noqa: S311
                self.deliveries += 1
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.post(url, content=hook.body, headers=hook.headers)).status_code == 200:
                        return
                await asyncio.sleep(0.2)

    async def talk(self, ports: list[int], visitor: str, numbers: "itertools.count[int]", over: asyncio.Event) -> None:
        """Deliver a visitor's messages until `over`: each at least once, every tenth one ten times, in any order."""
        while not over.is_set():
            batch = [next(numbers) for _ in range(AT_ONCE)]
            random.shuffle(batch)
            hooks = [
                self.platform.text(visitor, f"text {number}", str(number))
                for number in batch
                for _ in range(10 if number % 10 == 0 else 1)
            ]
            await asyncio.gather(*(self.deliver(ports, hook) for hook in hooks))
            self.texts.setdefault(visitor, []).extend(f"text {number}" for number in batch)
            await asyncio.sleep(random.uniform(0.2, 1.5))  # noqa: S311

    def is_answered(self, visitor: str) -> bool:
        """Return whether the visitor has seen the end of every answer."""
        seen = {call.text for call in self.calls.get(visitor, ()) if call.is_shown}
        return all(f"end of {text}" in seen for text in self.texts[visitor])

    def judge(self, visitor: str, log: list[str], kills: list[tuple[float, float]]) -> tuple[int, int]:
        """Check what a visitor has seen. Return the number of repeated sends and of sends under way at a kill.

        Args:
            visitor: the visitor.
            log: the visitor's messages in the order of their turns.
            kills: when each kill began, and when the next server was started.
        """
        assert sorted(log) == sorted(self.texts[visitor]), "each message is one turn"
        shown = [call for call in self.calls[visitor] if call.is_shown]
        first = list(dict.fromkeys(call.text for call in shown))
        assert first == [f"{part} {text}" for text in log for part in ("heard", "end of")], "complete and in order"
        # a send is under way from its arrival until the server has stored its result
        open_at = {
            (began, ended): [
                call for call in shown if call.began - ARRIVAL_S <= ended and began <= call.ended + COMMIT_S
            ]
            for began, ended in kills
        }
        repeated = 0
        for before, call in itertools.pairwise(shown):
            if call.text == before.text:
                repeated += 1
                is_open = any(before in calls for calls in open_at.values())
                assert is_open, f"{before} is repeated at {call.began}, but no kill of {kills} interrupted it"
        assert len(shown) == len(first) + repeated, "only the newest message is repeated"
        return repeated, sum(1 for calls in open_at.values() if calls)


def marked_in(folder: Path) -> int:
    """Return how many repeated sends the servers' logs show."""
    return sum(path.read_text().count("can arrive twice") for path in folder.glob("*.log"))


@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.slow
async def test_killed_servers_lose_and_repeat_nothing(tmp_path: Path, servers: int) -> None:
    """Every message is one turn, every answer arrives in order, and only sends under way at a kill are repeated."""
    write_project(tmp_path)
    for name, content in (("domain.yml", DOMAIN), ("data/nlu.yml", NLU), ("data/rules.yml", RULES)):
        (tmp_path / name).write_text(content)
    model = train(TrainingOptions(root=tmp_path)).path
    assert model is not None
    (tmp_path / "models").mkdir(exist_ok=True)
    if model.parent != tmp_path / "models":
        shutil.copy(model, tmp_path / "models")
    ports = [free_port() for _ in range(servers)]

    def start(port: int) -> subprocess.Popen[bytes]:
        command = [*MANENT, "run", "-p", str(port), "--log-file", str(tmp_path / f"{port}.log")]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def restart(index: int) -> None:
        processes[index].kill()
        processes[index].wait()
        processes[index] = start(ports[index])

    records = [
        Record(platform_of(name), [str(1_000 * (place + 2) + number) for number in range(VISITORS)])
        for place, name in enumerate(PLATFORMS)
    ]
    kills: list[tuple[float, float]] = []
    async with contextlib.AsyncExitStack() as running:
        for record in records:
            await running.enter_async_context(record.platform.running())
        (tmp_path / "credentials.yml").write_text("".join(one.platform.credentials() for one in records))
        processes = [start(port) for port in ports]
        try:
            await until(lambda: all(map(listens, ports)), timeout_s=90)
            for record in records:
                await record.platform.ready()
            over = asyncio.Event()
            numbers = itertools.count(1)
            talking = asyncio.gather(
                *(record.talk(ports, visitor, numbers, over) for record in records for visitor in record.visitors)
            )
            for kill in range(max(1, KILLS // 2)):
                await asyncio.sleep(random.uniform(0.3, 2.0))  # noqa: S311
                index = kill % servers
                began = time.monotonic()
                await asyncio.to_thread(restart, index)
                kills.append((began, time.monotonic()))
                await until(lambda index=index: listens(ports[index]), timeout_s=90)  # type: ignore[misc]
            over.set()
            await talking
            await until(
                lambda: all(record.is_answered(visitor) for record in records for visitor in record.visitors),
                timeout_s=300,
            )
            await asyncio.sleep(1.0)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    total: Counter[str] = Counter(kills=len(kills), marked=marked_in(tmp_path))
    for record in records:
        assert record.platform.rejected == []
        for visitor in record.visitors:
            entries = await store.entries(visitor)
            log = [entry.event.text or "" for entry in entries if isinstance(entry.event, UserUttered)]
            repeated, open_at_kill = record.judge(visitor, log, kills)
            total.update(
                messages=len(log),
                answers=2 * len(log),
                sends=len(record.calls[visitor]),
                repeated=repeated,
                under_way_at_kills=open_at_kill,
            )
        total.update(deliveries=record.deliveries, **record.faults)
    assert await store.count_received() == 0
    await store.close()
    print(f"\n{servers} server(s): {dict(total)}")  # noqa: T201  # the counts, for a person who runs many kills
    assert total["repeated"] <= total["under_way_at_kills"]
    assert total["repeated"] <= total["marked"]
