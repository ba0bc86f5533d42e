"""The interfaces to channels that send messages without a request: callback, and the channels of messengers."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route


class Output(Protocol):
    """An output channel that can send at any time."""

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Send the bot messages in these committed entries, in order.

        Raises:
            RequestError: the messages could not be sent.
        """


class SendLater(ManentError):
    """The platform could not take a message now. It is sent again later.

    Args:
        reason: what happened, in one sentence.
        retry_after: seconds until the next attempt. None: the pause grows with each failure.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__("send_later", reason)
        self.retry_after = retry_after


class Undeliverable(ManentError):
    """The platform refused a message permanently, for example because the visitor has blocked the bot."""

    def __init__(self, reason: str) -> None:
        super().__init__("undeliverable", reason)


@runtime_checkable
class Messenger(Protocol):
    """A channel of a platform that Manent calls to send messages. `Sender` reads them from the log.

    Attributes:
        name: name of the channel.
        max_buttons: buttons that the channel can show in one message. A message with more buttons lists them with
            numbers, and a visitor who answers with a number has chosen the button.
    """

    name: str
    max_buttons: int

    def parts(self, event: BotUttered) -> Sequence[Json]:
        """Return what a bot message becomes on the platform: one object for each call of its API.

        The same event must always give the same parts: after a restart, sending continues with the next part.
        """

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """Send one part.

        Args:
            route: where to send it.
            part: one of `parts`.
            key: identifies the part: the same in every attempt, `<epoch>:<seq>:<part>`.

        Raises:
            SendLater: the platform could not take it now.
            Undeliverable: the platform refused it permanently.
        """

    async def show_typing(self, route: Route) -> None:
        """Show the visitor that the bot is working, if the platform can show it.

        Raises:
            SendLater, Undeliverable: it could not be shown.
        """
