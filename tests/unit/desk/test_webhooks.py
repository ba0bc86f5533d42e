"""Signed notices for pagers and chat tools."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.channels.generic import is_signed
from manent.core.events import Json
from manent.desk.webhooks import Notices
from manent.runtime.ports.desk import FeedRow, Webhook
from manent.stores.desk.tables import open_desk_tables
from manent.stores.memory import MemoryStore
from support.desks import operator, visit
from support.openid_provider import _Quiet
from support.small_talk import running, until

SECRET = "a shared secret of the pager"  # noqa: S105  # a made-up one
DESK = "desk: {}\nallow_private_addresses: true\n"


@dataclass
class Pager:
    """Receives notices. `failing`: the number of notices that it rejects first."""

    url: str = ""
    failing: int = 0
    received: list[Json] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def receive(self, request: Request) -> Response:
        """Check the signature and keep the notice."""
        body = await request.body()
        assert is_signed(request.headers["x-manent-signature"], SECRET, body, now=time.time())
        self.keys.append(request.headers["idempotency-key"])
        if self.failing:
            self.failing -= 1
            return Response(status_code=500)
        self.received.append(json.loads(body))
        return Response()


@contextlib.asynccontextmanager
async def paging() -> AsyncIterator[Pager]:
    """Run a pager on a free port."""
    pager = Pager()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    pager.url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    app = Starlette(routes=[Route("/", pager.receive, methods=["POST"])])
    server = _Quiet(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield pager
    server.should_exit = True
    await task
    listening.close()


async def test_a_slow_webhook_does_not_delay_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a request to one webhook waits, the notices of the other are sent."""
    store = MemoryStore()
    tables = open_desk_tables(store)
    await tables.open()
    for name in ("a-slow", "b-fast"):
        await tables.put_webhook(
            Webhook(id=name, url="http://pager.invalid", secret=SECRET, events=("queue",), created=0.0, position=0)
        )
    change = FeedRow(kind="conversation", time=0.0, sender_id="vera", data={"from": "bot", "to": "queue"})
    await tables.tell([change, change])
    sent: list[str] = []
    waits = asyncio.Event()

    async def send(webhook: Webhook, _: FeedRow, __: Json) -> None:
        if webhook.id == "a-slow":
            await waits.wait()
        sent.append(webhook.id)

    notices = Notices(store, tables, aiohttp.ClientSession)
    monkeypatch.setattr(notices, "_send", send)
    await notices.open()
    await until(lambda: len(sent) == 2)
    assert sent == ["b-fast", "b-fast"]
    waits.set()
    await until(lambda: len(sent) == 4)
    await notices.close()


async def test_notices_are_signed_and_in_order(tmp_path: Path) -> None:
    """Requests for a person and changes of the queue are sent as signed notices. A repetition has the same key."""
    async with (
        paging() as pager,
        running(tmp_path, endpoints=DESK) as server,
        operator(server, "Root", "admin") as root,
    ):
        await visit(server, "hello")
        await root.post("/webhooks", url=pager.url, secret=SECRET)
        pager.failing = 1
        await root.act("vera", "request_handoff", reason="angry", priority=2)
        await until(lambda: len(pager.received) == 2)
        await root.act("vera", "take")
        await until(lambda: len(pager.received) == 3)

    assert [(one["event"], one.get("reason"), one["sender_id"]) for one in pager.received] == [
        ("handoff_requested", "angry", "vera"),
        ("queue", None, "vera"),
        ("queue", None, "vera"),
    ]
    assert [(one.get("from"), one.get("to")) for one in pager.received[1:]] == [("bot", "queue"), ("queue", "human")]
    assert pager.received[0]["priority"] == 2
    assert pager.keys[0] == pager.keys[1]
    assert len(set(pager.keys)) == 3
