"""Action servers for tests: one whose responses the test chooses, and the real rasa-sdk server in a process."""

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from manent.runtime.ports.actions import ActionCall
from support.listening import stop_accepting
from support.ports import free_port

ASSISTANTS = Path(__file__).parents[1] / "assistants"

Answer = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


def action_call(name: str = "action_echo", text: str = "hi", **slots: object) -> ActionCall:
    """Return a call whose latest message is `text`."""
    event = {"event": "user", "text": text, "timestamp": 1.0, "parse_data": {"text": text}}
    tracker = {
        "sender_id": "ada",
        "slots": slots,
        "latest_message": {"text": text, "intent": {"name": "greet"}, "entities": [], "metadata": {}},
        "latest_event_time": 1.0,
        "followup_action": None,
        "paused": False,
        "events": [event],
        "latest_input_channel": "rest",
        "active_loop": {},
        "latest_action": {"action_name": "action_listen"},
        "latest_action_name": "action_listen",
    }
    return ActionCall(name=name, sender_id="ada", tracker=tracker, idempotency_key=f"e1:7:{name}")


class ScriptedServer:
    """An HTTP server on a loopback port. It answers with `answer` and records the requests.

    Attributes:
        requests: path with query, headers, and body of each request.
        peers: address of the client of each connection.
    """

    def __init__(self) -> None:
        self.answer: Answer = says({"events": [], "responses": []})
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.peers: set[object] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}/webhook"

    def body(self, index: int = -1) -> dict[str, Any]:
        """Return the JSON of a request."""
        body: dict[str, Any] = json.loads(self.requests[index][2])
        return body

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.peers.add(request.transport and request.transport.get_extra_info("peername"))
        self.requests.append((request.path_qs, dict(request.headers), body))
        return await self.answer(request, body)

    async def serve(self) -> AsyncIterator["ScriptedServer"]:
        """Serve until closed."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        site = web.SockSite(runner, listening)
        await site.start()
        yield self
        await stop_accepting(listening)
        await runner.cleanup()


def says(answer: object, status: int = 200) -> Answer:
    """Return an answer with this JSON."""

    async def reply(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.json_response(answer, status=status)

    return reply


def says_bytes(answer: bytes, status: int = 200) -> Answer:
    """Return an answer with these bytes."""

    async def reply(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(body=answer, status=status)

    return reply


def sleeps(seconds: float) -> Answer:
    """Respond after the client's timeout."""

    async def reply(_request: web.Request, _body: bytes) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.json_response({"events": [], "responses": []})

    return reply


@contextlib.contextmanager
def action_server(
    root: Path, module: str = "actions", *, port: int | None = None, certificate: Path | None = None
) -> Iterator[str]:
    """Run `manent.actions.server.serve` in a process; yield the URL of its webhook.

    With a certificate (and `key.pem` in the same folder), it uses HTTPS.
    """
    port = port or free_port()
    options = {"host": "127.0.0.1", "port": port}
    if certificate is not None:
        options |= {"ssl_certificate": str(certificate), "ssl_keyfile": str(certificate.with_name("key.pem"))}
    code = f"from manent.actions.server import serve; serve({module!r}, **{options!r})"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=root)
    try:
        if certificate is None:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/webhook"
        else:
            wait_for(f"https://localhost:{port}/health", process, certificate=certificate)
            yield f"https://localhost:{port}/webhook"
    finally:
        process.kill()
        process.wait()


def wait_for(
    url: str, process: subprocess.Popen[Any], seconds: float = 90.0, *, certificate: Path | None = None
) -> None:
    """Wait until a server responds.

    Raises:
        AssertionError: its process ended, or it did not respond in time.
    """
    deadline = time.monotonic() + seconds
    trust = ssl.create_default_context(cafile=certificate) if certificate else None
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server of {url} ended with status {process.returncode}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5, context=trust) as response:  # noqa: S310  # our own URL
            if response.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer within {seconds} s")
