"""The interface of a channel, which custom channels in projects and packages also implement."""

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from manent.channels.inbox import Inbox
from manent.runtime.ports.channel import Output


class Channel(Protocol):
    """A way in which visitors talk to the bot.

    The class attribute `options` is a `msgspec.Struct` that declares the options. The server passes the options to the
    constructor, or to the class method `from_options(options, site)` if it exists (see `extensions/finding.py`).

    Attributes:
        name: the name of the channel's section in `credentials.yml`, of its path in URLs, and of the input channel in
            the log.
        output: sends bot messages that no request waits for, such as reminders, or None if the channel cannot do this.

    A channel of a platform that Manent calls to send messages also implements `Messenger` (`runtime/ports/channel.py`).
    It can have two methods that `manent channels` calls. `check()` tests the credentials with the platform and returns
    a sentence about the result. `set_webhook()` registers the URL of the webhook with the platform. Both raise
    `SendLater` or `Undeliverable`.
    """

    name: str
    output: Output | None

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """Return the routes of the channel below `/webhooks/<name>/`. The server calls this once, before `open`.

        The server adds the health check `GET /webhooks/<name>/`.
        """

    async def open(self) -> None:
        """Open connections and start background tasks. The inbox accepts messages when this is called."""

    async def close(self) -> None:
        """Stop background tasks and close connections."""
