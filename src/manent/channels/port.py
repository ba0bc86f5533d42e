"""The interface of a channel: what `opening.py` calls, and what a channel of a project or a package implements."""

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from manent.channels.inbox import Inbox
from manent.runtime.ports.channel import Output


class Channel(Protocol):
    """A way in which visitors talk to the bot.

    The class declares its options as `options`, a `msgspec.Struct`, and is created with them (or by its class method
    `from_options(options, site)`, see `extensions/finding.py`).

    Attributes:
        name: the channel's section in `credentials.yml`, its part of URLs, and the input channel in the log.
        output: sends bot messages that no request waits for: reminders and triggers. None: the channel cannot.

    A channel of a platform that Manent calls to send messages also implements `Messenger` (`runtime/ports/channel.py`).
    It may have two methods that `manent channels` uses: `check()` asks the platform whether the credentials are right
    and returns a sentence about them, and `set_webhook()` tells the platform the address of the webhook. Both raise
    `SendLater` or `Undeliverable`.
    """

    name: str
    output: Output | None

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """Return the routes of the channel, below `/webhooks/<name>/`. Called once, before `open`.

        `GET /webhooks/<name>/`, the channel's health, is added to them.
        """

    async def open(self) -> None:
        """Connect, and start background tasks. The inbox takes messages from now on."""

    async def close(self) -> None:
        """Stop background tasks and close connections."""
