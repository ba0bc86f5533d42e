"""Real servers, tokens and clients for attacks."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
import socketio

from manent.core.events import Json
from support.ports import free_port
from support.processes import MANENT, listens, wait_for
from support.small_talk import model_file

KEY = "the key of the tests, 32 bytes or more"
AUTH = "an admin's token"

JWT = f"""
rest:
  session_identity: jwt
socketio:
  session_persistence: true
  session_identity: jwt
  jwt_key: "{KEY}"
"""


def token(subject: str | None = "ada", *, lifetime_s: float | None = 3600, key: Any = KEY, **more: Any) -> str:
    """Return a token as a site signs it; `more`: further claims, `method` and `headers`."""
    method, headers = more.pop("method", "HS256"), more.pop("headers", None)
    claims = {} if subject is None else {"sub": subject}
    if lifetime_s is not None:
        claims["exp"] = time.time() + lifetime_s  # type: ignore[assignment]
    return jwt.encode({**claims, **more}, key, method, headers=headers)


@dataclass
class Site:
    """A running server."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """The text of the server's log."""
        return (self.folder / "server.log").read_text()

    @contextlib.asynccontextmanager
    async def visitor(self, token: Any = None, **options: Any) -> AsyncIterator["Visitor"]:
        """Connect a socket."""
        visitor = Visitor(socketio.AsyncClient(reconnection=False))
        visitor.listen()
        auth = {"token": token} if token is not None else None
        try:
            await visitor.socket.connect(self.url, auth=auth, transports=["websocket"], wait_timeout=30, **options)
            yield visitor
        finally:
            await visitor.socket.disconnect()
            await asyncio.sleep(0)

    async def refused(self, token: Any = None, **options: Any) -> str:
        """Try to connect, and return the code of the rejection."""
        told: list[Any] = []
        socket = socketio.AsyncClient(reconnection=False)
        socket.on("connect_error", told.append)
        with contextlib.suppress(socketio.exceptions.ConnectionError):
            auth = {"token": token} if token is not None else None
            await socket.connect(self.url, auth=auth, transports=["websocket"], wait_timeout=30, **options)
            await socket.disconnect()
            return "connected"
        if socket.eio.http is not None:
            await socket.eio.http.close()
        return str(told[0]["data"]["code"]) if told and isinstance(told[0], dict) and "data" in told[0] else "refused"

    async def post(
        self, path: str, body: Any, token: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Make an HTTP request."""
        headers = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as http:
            return await http.post(path, json=body, headers=headers)

    async def revoke(self, **what: Any) -> int:
        """Revoke as an administrator."""
        return (await self.post("/admin/revoke", what, AUTH)).status_code


@dataclass
class Visitor:
    """A connected socket and the events that it received."""

    socket: socketio.AsyncClient
    events: list[tuple[str, Any]] = field(default_factory=list)

    def listen(self) -> None:
        """Record every event."""

        async def keep(event: str, *payload: Any) -> None:
            self.events.append((event, payload[0] if payload else None))

        self.socket.on("*", keep)

    async def ask(self, event: str, **request: Any) -> Json:
        """Make a request of protocol 1 and return its answer."""
        answer: Json = await self.socket.call(event, request, timeout=30)
        return answer

    async def join(self, **request: Any) -> Json:
        """Join with protocol 1."""
        return await self.ask("session_request", protocol=1, **request)

    async def code(self, event: str, **request: Any) -> str:
        """Make a request that is refused; return the code."""
        answer = await self.ask(event, **request)
        return "ok" if answer["ok"] else str(answer["error"]["code"])

    def told(self, event: str) -> list[Any]:
        """Return the payloads of the events with this name."""
        return [payload for name, payload in self.events if name == event]

    async def wait(self, event: str, count: int = 1, *, timeout_s: float = 30) -> list[Any]:
        """Wait until this number of events has arrived."""
        async with asyncio.timeout(timeout_s):
            while len(self.told(event)) < count:  # noqa: ASYNC110  # the client has no event for it
                await asyncio.sleep(0.01)
        return self.told(event)

    async def ended(self, *, timeout_s: float = 30) -> None:
        """Wait until the server has closed the connection."""
        async with asyncio.timeout(timeout_s):
            while self.socket.connected:  # noqa: ASYNC110  # the client has no event for it
                await asyncio.sleep(0.01)


def start(
    folder: Path,
    *arguments: str,
    credentials: str = JWT,
    endpoints: str = "",
    model: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Site:
    """Start a server in a folder; `environment`: additional variables."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "credentials.yml").write_text(credentials)
    (folder / "endpoints.yml").write_text(endpoints)
    port = free_port()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*MANENT, "run", "-i", "127.0.0.1", "-p", str(port), "-m", str(model or model_file()), *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    site = Site(folder=folder, port=port, process=process)
    wait_for(lambda: process.poll() is not None or listens(port), "the server")
    assert process.poll() is None, site.log
    return site


def stop(site: Site) -> None:
    """Stop a server."""
    if site.process.poll() is None:
        site.process.kill()
    site.process.wait()
