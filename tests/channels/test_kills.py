"""Two servers that are killed while a platform delivers webhooks and refuses sends."""

import asyncio
import contextlib
import random
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from manent.core.events import BotUttered, UserUttered
from manent.stores.sqlite.store import SqliteStore
from support.platforms import platform_of
from support.platforms.platform import Platform, Webhook
from support.ports import free_port
from support.processes import MANENT, listens
from support.small_talk import model_file, until, write_project

KILLS = 5
VISITORS = [str(number) for number in range(2001, 2007)]


async def deliver(ports: list[int], platform: Platform, hook: Webhook) -> None:
    """Deliver a webhook, to any server and again until one confirms it, as platforms do."""
    async with httpx.AsyncClient(timeout=10) as http:
        while True:
            url = f"http://127.0.0.1:{random.choice(ports)}/webhooks/{platform.name}/webhook"  # noqa: S311
            with contextlib.suppress(httpx.HTTPError):
                if (await http.post(url, content=hook.body, headers=hook.headers)).status_code == 200:
                    return
            await asyncio.sleep(0.2)


def marked_in(folder: Path) -> int:
    """Return how many repeated sends the servers' logs show."""
    return sum(path.read_text().count("can arrive twice") for path in folder.glob("*.log"))


@pytest.mark.parametrize("name", ["telegram", "slack"])
@pytest.mark.slow
async def test_killed_servers_lose_and_repeat_nothing(tmp_path: Path, name: str) -> None:
    """Every message is one turn, every reply arrives in order, and at most one reply a kill and send arrives twice."""
    platform = platform_of(name)
    write_project(tmp_path)
    (tmp_path / "models").mkdir()
    shutil.copy(model_file(), tmp_path / "models")
    ports = [free_port(), free_port()]

    def start(port: int) -> subprocess.Popen[bytes]:
        command = [*MANENT, "run", "-p", str(port), "--log-file", str(tmp_path / f"{port}.log")]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async with platform.running():
        (tmp_path / "credentials.yml").write_text(platform.credentials())
        servers = [start(port) for port in ports]
        try:
            await until(lambda: all(map(listens, ports)), timeout_s=90)
            await platform.ready()
            hooks = [
                [platform.text(visitor, f"text {number}", f"{number}{visitor}") for number in range(1, 11)]
                for visitor in VISITORS
            ]

            async def talk(mine: list[Webhook]) -> None:
                for hook in mine:
                    platform.faults.extend(["busy"] if random.random() < 0.1 else [])  # noqa: S311
                    await deliver(ports, platform, hook)
                    await asyncio.gather(*(deliver(ports, platform, hook) for _ in range(2)))

            talking = asyncio.gather(*map(talk, hooks))
            for kill in range(KILLS):
                await asyncio.sleep(0.5)
                index = kill % 2
                servers[index].kill()
                servers[index].wait()
                servers[index] = start(ports[index])
                await until(lambda index=index: listens(ports[index]), timeout_s=90)  # type: ignore[misc]
            await talking
            await until(lambda: all(len(platform.shown(one)) >= 10 for one in VISITORS), timeout_s=120)
            await asyncio.sleep(1.0)
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait(60)
    store = SqliteStore(tmp_path / "conversations.db")
    await store.open()
    repeated = 0
    for visitor in VISITORS:
        events = [entry.event for entry in await store.entries(visitor)]
        said = [event.text for event in events if isinstance(event, UserUttered)]
        assert said == [f"text {number}" for number in range(1, 11)]
        assert len([event for event in events if isinstance(event, BotUttered)]) == 10
        repeated += len(platform.shown(visitor)) - 10
    assert await store.count_received() == 0
    await store.close()
    assert 0 <= repeated <= min(marked_in(tmp_path), KILLS * len(VISITORS))
    assert platform.rejected == []
