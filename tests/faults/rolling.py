"""Clients that do not retry, behind a load balancer, while its servers are restarted one after the other."""

import asyncio
import contextlib
import json
import shutil
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, Server, until

CLIENT = Path(__file__).parents[1] / "pages" / "node_modules" / "socket.io-client-newest"
PAUSE_S = 0.1
"""Pause of a REST client after an answer."""


@dataclass
class Clients:
    """What the clients met."""

    errors: list[str] = field(default_factory=list)
    answered: int = 0
    is_over: bool = False

    async def rest(self, url: str, name: str) -> None:
        """Talk over REST on kept connections."""
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            while not self.is_over:
                try:
                    answer = await http.post("/webhooks/rest/webhook", json={"sender": name, "message": "hello"})
                    found = answer.json() if answer.status_code == 200 else answer.status_code
                except httpx.HTTPError as error:
                    found = repr(error)
                if found == [{"recipient_id": name, "text": "Hello."}]:
                    self.answered += 1
                else:
                    self.errors.append(f"{time.strftime('%X')} {name}: {found}")
                await asyncio.sleep(PAUSE_S)

    async def plain(self, url: str, count: int) -> None:
        """Talk as plain pages do (`plain_pages.js`): each message is sent once, and must have one reply."""
        script = str(Path(__file__).with_name("plain_pages.js"))
        pages = await asyncio.create_subprocess_exec(
            node(), script, str(CLIENT), url, str(count), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert pages.stdin is not None
        assert pages.stdout is not None
        ending = asyncio.create_task(self._end(pages.stdin))
        async for line in pages.stdout:
            if line == b"answer\n":
                self.answered += 1
                continue
            for page in json.loads(line):
                if page["sent"] != page["received"] or page["errors"]:
                    self.errors.append(str(page))
        await ending
        assert await pages.wait() == 0

    async def _end(self, pages: asyncio.StreamWriter) -> None:
        while not self.is_over:  # noqa: ASYNC110  # it is set once
            await asyncio.sleep(0.1)
        pages.close()


def node() -> str:
    """Return Node.js; skip if it or the client's package is not installed."""
    found = shutil.which("node")
    if found is None or not CLIENT.exists():
        pytest.skip("needs Node.js and the packages of tests/pages (make install)")
    return found


async def restart(fleet: Fleet, server: Server, *arguments: str, release: Path | None = None) -> Server:
    """Stop a server as an orchestrator does, and start it again on its port when it has ended.

    `release` is the folder of another release of the package, which then runs in its place.
    """
    server.send(signal.SIGTERM)
    status = await asyncio.to_thread(server.process.wait, 60)
    log = server.log.read_text()
    assert status == 0, log
    assert "Traceback" not in log, log
    fleet.servers.remove(server)
    return await asyncio.to_thread(fleet.start, *arguments, port=server.port, release=release)


@contextlib.asynccontextmanager
async def talking(url: str, *, clients: int) -> AsyncIterator[Clients]:
    """Let clients of both kinds talk, from the first answers to the end of the block. Yields what the clients met."""
    found = Clients()
    tasks = [asyncio.create_task(found.rest(url, f"rest{number}")) for number in range(clients)]
    tasks.append(asyncio.create_task(found.plain(url, clients)))
    await until(lambda: found.answered > 8 * clients or bool(found.errors))
    yield found
    found.is_over = True
    await asyncio.gather(*tasks)


async def roll(
    fleet: Fleet, servers: list[Server], url: str, *arguments: str, rounds: int, clients: int, settle_s: float
) -> Clients:
    """Restart all servers, one after the other, under clients of both kinds. Return what the clients met."""
    async with talking(url, clients=clients) as found:
        for _ in range(rounds):
            for place, server in enumerate(servers):
                servers[place] = await restart(fleet, server, *arguments)
                await asyncio.sleep(settle_s)
    return found
