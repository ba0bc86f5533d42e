"""What the doubles of all platforms share: an HTTP server, faults that tests order, and what visitors see."""

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

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
    """A platform. It checks requests, keeps what visitors see, and makes the webhooks that visitors cause.

    Attributes:
        name: name of the channel.
        url: base of the API.
        sent: what visitors see, oldest first.
        attempts: the number of sends, refused ones included.
        faults: what the next sends end in, the next one first.
        hold: sends wait until it is set. None: they do not wait.
        hold_only: only sends to this visitor wait. "": all.
        rejected: why requests were refused that a correct channel never makes.
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
        """Return the same webhook as others would send it: without a signature, with a wrong one, with an old one."""

    @abstractmethod
    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return the webhook of a visitor who presses a button that was shown."""

    def malformed(self) -> list[Webhook]:
        """Return signed webhooks whose bodies have wrong shapes."""
        bodies = (b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"a":' * 2000, b'"text"', b"{}")
        return [self.signed(body) for body in bodies]

    @abstractmethod
    def signed(self, body: bytes) -> Webhook:
        """Return a signed webhook with any body."""

    async def ready(self) -> None:
        """Wait until the platform knows what it needs to call the server."""
        await asyncio.sleep(0)

    def address(self, sender: str) -> str:
        """Return the address of a visitor in the log."""
        return sender

    def recipient(self, sender: str) -> str:
        """Return what the API calls a visitor, the `to` of what they see."""
        return self.address(sender)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the API on a free port."""
        app = web.Application(client_max_size=10_000_000)
        self.add_routes(app)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            if self.hold is not None:
                self.hold.set()
            await runner.cleanup()

    async def send(self, sent: Sent) -> Fault | None:
        """Show a message to a visitor, or return the fault that the test ordered."""
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
    """Return which fields a platform does not know, "" if it knows all."""
    return ", ".join(sorted(given.keys() - set(allowed.split())))
