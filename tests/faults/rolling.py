"""Clients that do not retry, behind a load balancer, while its servers are restarted one after the other."""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import socketio

from faults.servers import Fleet, Server, until

PAUSE_S = 0.1
"""Pause of a client after an answer."""


@dataclass
class Clients:
    """What the clients sent, and what went wrong."""

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
                self._judge(f"REST {name}", found, [{"recipient_id": name, "text": "Hello."}])
                await asyncio.sleep(PAUSE_S)

    async def plain(self, url: str, name: str) -> None:
        """Talk as a plain page does: reconnect, ask for the session, never send a message twice."""
        replies: asyncio.Queue[Any] = asyncio.Queue()
        confirmed = asyncio.Event()
        page = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5)

        async def connect() -> None:
            await page.emit("session_request", {"session_id": name})

        def confirm(_session_id: str) -> None:
            confirmed.set()

        def disconnect(*_: object) -> None:
            confirmed.clear()

        def refuse(error: Any) -> None:
            self.errors.append(f"{name} was refused: {error}")

        page.on("connect", connect)
        page.on("session_confirm", confirm)
        page.on("disconnect", disconnect)
        page.on("error", refuse)
        page.on("bot_uttered", replies.put_nowait)
        await page.connect(url, transports=["websocket"], wait_timeout=20)
        try:
            while not self.is_over:
                await asyncio.wait_for(confirmed.wait(), 20)
                try:
                    await page.emit("user_uttered", {"session_id": name, "message": "hello"})
                except socketio.exceptions.BadNamespaceError:  # socket.io-client would send it after it has connected
                    continue
                try:
                    found = await asyncio.wait_for(replies.get(), 20)
                except TimeoutError:
                    found = "no reply within 20 s"
                self._judge(f"plain {name}", found, {"text": "Hello."})
                await asyncio.sleep(PAUSE_S)
            await asyncio.sleep(1)
            if not replies.empty():
                self.errors.append(f"{name} got {replies.qsize()} replies twice")
        finally:
            await page.disconnect()

    def _judge(self, who: str, found: object, expected: object) -> None:
        if found == expected:
            self.answered += 1
        else:
            self.errors.append(f"{time.strftime('%X')} {who}: {found}")


async def restart(fleet: Fleet, server: Server, *arguments: str) -> Server:
    """Stop a server as an orchestrator does, and start it again on its port when it has ended."""
    server.send(signal.SIGTERM)
    status = await asyncio.to_thread(server.process.wait, 60)
    assert status == 0, server.log.read_text()
    log = server.log.read_text()
    assert "Traceback" not in log, log
    fleet.servers.remove(server)
    return await asyncio.to_thread(fleet.start, *arguments, port=server.port)


async def roll(
    fleet: Fleet, servers: list[Server], url: str, *arguments: str, rounds: int, clients: int, settle_s: float
) -> Clients:
    """Restart all servers, one after the other, under clients of both kinds. Return what the clients met."""
    found = Clients()
    tasks = [asyncio.create_task(found.rest(url, f"rest{number}")) for number in range(clients)]
    tasks += [asyncio.create_task(found.plain(url, f"plain{number}")) for number in range(clients)]
    await until(lambda: found.answered > 4 * clients or bool(found.errors))
    for _ in range(rounds):
        for place, server in enumerate(servers):
            servers[place] = await restart(fleet, server, *arguments)
            await asyncio.sleep(settle_s)
    found.is_over = True
    await asyncio.gather(*tasks)
    return found
