"""The common parts of all fake platforms: an HTTP server, faults, and the messages that visitors see."""

import asyncio
import contextlib
import json
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from support.listening import stop_accepting

Fault = Literal["busy", "gone", "down", "cut"]
"""What the next send ends in: a rate limit with a wait of one second, a visitor who has blocked the bot, an error of
the platform, or a message that is delivered although the connection breaks before the answer."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message that the visitor sees.

    Attributes:
        to: the visitor's id.
        text: the text.
        buttons: title and value of each button, in order.
        raw: the whole request.
    """

    to: str
    text: str = ""
    buttons: tuple[tuple[str, str], ...] = ()
    raw: Any = None


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A request that the platform sends to the webhook."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    query: dict[str, str] = field(default_factory=dict)


class Platform(ABC):
    """A fake platform. It checks requests, records the messages that visitors see, and creates webhook requests.

    Attributes:
        name: name of the channel.
        url: base of the API.
        sent: messages that visitors see, oldest first.
        attempts: number of sends, including rejected sends.
        faults: faults of the next sends, in order.
        hold: event that sends wait for. None: sends do not wait.
        hold_only: visitor whose sends wait. "": all sends wait.
        rejected: reasons for rejected requests that a correct channel never sends.
    """

    name: str
    max_text: int
    """Characters of one message."""

    def __init__(self) -> None:
        self.url = ""
        self.sent: list[Sent] = []
        self.attempts = 0
        self.faults: deque[Fault] = deque()
        self.hold: asyncio.Event | None = None
        self.hold_only = ""
        self.rejected: list[str] = []
        self.public_url = "http://127.0.0.1/"

    @abstractmethod
    def credentials(self) -> str:
        """Return the section of `credentials.yml`."""

    @abstractmethod
    def add_routes(self, app: web.Application) -> None:
        """Add the routes of the API."""

    @abstractmethod
    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        """Return the webhook of a visitor's text."""

    @abstractmethod
    def attachment(self, sender: str, message_id: str) -> Webhook:
        """Return the webhook of a visitor's image."""

    @abstractmethod
    def unknown(self) -> Webhook:
        """Return a signed webhook of a kind that the channel does not support."""

    @abstractmethod
    def forged(self, hook: Webhook) -> list[Webhook]:
        """Return forged copies of a webhook request: without a signature, with a wrong one, and with an old one."""

    @abstractmethod
    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return the webhook of a visitor who presses a button that was shown."""

    def malformed(self) -> list[Webhook]:
        """Return signed webhook requests whose bodies have a wrong structure."""
        bodies = (b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"a":' * 2000, b'"text"', b"{}")
        return [self.signed(body) for body in bodies]

    @abstractmethod
    def signed(self, body: bytes) -> Webhook:
        """Return a signed webhook with any body."""

    async def ready(self) -> None:
        """Wait until the platform has the data that it needs to call the server."""
        await asyncio.sleep(0)

    def address(self, sender: str) -> str:
        """Return the address of a visitor in the log."""
        return sender

    def recipient(self, sender: str) -> str:
        """Return what the API calls a visitor, the `to` of what they see."""
        return self.address(sender)

    def saw_work(self, sender: str) -> bool | None:
        """Return whether a visitor has seen that the bot works. None: the platform cannot show it."""
        del sender
        return None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the API on a free port."""
        app = web.Application(client_max_size=10_000_000)
        self.add_routes(app)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        site = web.SockSite(runner, listening)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            if self.hold is not None:
                self.hold.set()
            await stop_accepting(listening)
            await runner.cleanup()

    async def send(self, sent: Sent) -> Fault | None:
        """Show a message to a visitor, or return the fault that the test selected."""
        self.attempts += 1
        if self.hold is not None and (not self.hold_only or self.recipient(self.hold_only) == sent.to):
            await self.hold.wait()
        fault = self.faults.popleft() if self.faults else None
        if fault in (None, "cut"):
            self.sent.append(sent)
        return fault

    def shown(self, to: str) -> list[str]:
        """Return the texts that a visitor sees."""
        return [one.text for one in self.sent if one.to == self.recipient(to)]


def as_json(value: Any) -> bytes:
    """Return JSON as platforms send it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def only(given: dict[str, Any], allowed: str) -> str:
    """Return the fields that a platform does not support, or "" if it supports all fields."""
    return ", ".join(sorted(given.keys() - set(allowed.split())))
