"""Operators of a desk in tests: they sign in with invitations and use the HTTP API."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from manent.core.events import Json
from manent.desk.members import invite
from manent.runtime.ports.desk import Role
from manent.stores.desk.tables import open_desk_tables
from support.small_talk import Running

API = "/desk/api/v1"


@dataclass
class Op:
    """A signed-in person."""

    http: httpx.AsyncClient
    name: str
    csrf: str = ""
    events: list[tuple[str, Json]] = field(default_factory=list)
    cursor: str = ""

    async def get(self, path: str, status: int = 200, **query: Any) -> Json:
        """GET a path of the API."""
        return await self._json("GET", path, status, params=query)

    async def post(self, path: str, status: int = 200, **body: Any) -> Json:
        """POST to a path of the API."""
        return await self._json("POST", path, status, json=body)

    async def act(self, sender_id: str, action: str, status: int = 200, **body: Any) -> Json:
        """Act on a conversation."""
        return await self.post(f"/conversations/{quote(sender_id, safe='')}/{action}", status, **body)

    async def show(self, sender_id: str, status: int = 200, **query: Any) -> Json:
        """Return a conversation."""
        return await self.get(f"/conversations/{quote(sender_id, safe='')}", status, **query)

    async def _json(self, method: str, path: str, status: int, **more: Any) -> Json:
        answer = await self.http.request(method, API + path, headers={"X-CSRF-Token": self.csrf}, **more)
        assert answer.status_code == status, (answer.status_code, answer.text)
        body: Json = answer.json()
        return body

    @contextlib.asynccontextmanager
    async def following(self, cursor: str = "") -> AsyncIterator["Op"]:
        """Collect the news of the desk during the block."""

        async def follow() -> None:
            headers = {"Last-Event-ID": cursor} if cursor else {}
            async with self.http.stream("GET", f"{API}/events", headers=headers, timeout=None) as stream:
                assert stream.status_code == 200, stream.status_code
                kind = ""
                async for line in stream.aiter_lines():
                    if line.startswith("id: "):
                        self.cursor = line[4:]
                    elif line.startswith("event: "):
                        kind = line[7:]
                    elif line.startswith("data: "):
                        self.events.append((kind, json.loads(line[6:])))

        task = asyncio.create_task(follow())
        try:
            async with asyncio.timeout(20):
                while not self.events and not task.done():  # noqa: ASYNC110  # the news come from a server
                    await asyncio.sleep(0.01)
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def saw(self, kind: str, **fields: Any) -> Json:
        """Wait for an event with these fields and return its data."""
        try:
            async with asyncio.timeout(20):
                while True:
                    for found, data in self.events:
                        if found == kind and all(data.get(name) == value for name, value in fields.items()):
                            return data
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"no {kind} with {fields} among {self.events}") from None


@contextlib.asynccontextmanager
async def operator(server: Running, name: str = "Ada", role: Role = "operator") -> AsyncIterator[Op]:
    """Sign a person in with an invitation."""
    tables = open_desk_tables(server.conversations.engine.store)
    _, token = await invite(tables, name, role)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        answer = await http.post("/desk/join", data={"invitation": token})
        assert answer.status_code == 303, answer.text
        person = Op(http, name)
        person.csrf = (await person.get("/me"))["csrf"]
        yield person


async def visit(server: Running, text: str, sender: str = "vera") -> list[str]:
    """Send a visitor's message over REST and return the replies."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        answer = await http.post("/webhooks/rest/webhook", json={"sender": sender, "message": text})
        assert answer.status_code == 200, answer.text
        return [reply.get("text", "") for reply in answer.json()]


async def eventually(ask: Callable[[], Awaitable[Json]], fits: Callable[[Json], bool]) -> Json:
    """Ask again until the answer fits, and return it."""
    async with asyncio.timeout(20):
        while not fits(found := await ask()):  # noqa: ASYNC110  # the answer comes from a server
            await asyncio.sleep(0.02)
    return found


async def listed(person: Op, count: int, **query: Any) -> list[Json]:
    """Wait until the list has this number of conversations and return them."""
    found = await eventually(
        lambda: person.get("/conversations", **query), lambda page: len(page["conversations"]) == count
    )
    rows: list[Json] = found["conversations"]
    return rows
