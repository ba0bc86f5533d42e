"""The interfaces to channels that can send messages without a request: callback and messenger channels."""

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route

NOT_SHOWN: Final = "not_shown"
"""Key of a part that says what a channel cannot show."""


class Output(Protocol):
    """An output channel that can send at any time."""

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Send the bot messages in these committed entries, in order.

        Raises:
            RequestError: the messages could not be sent.
        """


class SendLater(ManentError):
    """The platform could not accept a message now. The message is sent again later.

    Args:
        reason: one sentence that describes the failure.
        retry_after: seconds until the next attempt. None: the pause grows with each failure.
        may_have_arrived: whether the platform can have received the message, because its answer is missing.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, may_have_arrived: bool = False) -> None:
        super().__init__("send_later", reason)
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived


class Undeliverable(ManentError):
    """The platform rejected a message permanently, for example because the visitor has blocked the bot."""

    def __init__(self, reason: str) -> None:
        super().__init__("undeliverable", reason)


@runtime_checkable
class Messenger(Protocol):
    """A channel for a platform whose API Manent calls to send messages. `Sender` reads the messages from the log.

    Attributes:
        name: name of the channel.
        max_buttons: number of buttons that the channel can show in one message. A message with more buttons lists them
            with numbers, and visitors choose a button by its number.
    """

    name: str
    max_buttons: int

    def parts(self, event: BotUttered) -> Sequence[Json]:
        """Return the parts of a bot message on the platform: one object for each call of its API.

        The same event must always result in the same parts, because sending continues with the next part after a
        restart. If the platform cannot show something, a part is `{NOT_SHOWN: <reason>}`. Such a part is not sent, but
        recorded as rejected.
        """

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """Send one part.

        Args:
            route: route of the conversation to which the part is sent.
            part: one of `parts`.
            key: key of the part, `<epoch>:<seq>:<part>`, which is the same in every attempt.

        Raises:
            SendLater: the platform could not accept the part now.
            Undeliverable: the platform rejected the part permanently.
        """

    async def show_typing(self, route: Route) -> None:
        """Show the visitor that the bot is working, if the platform supports this.

        Raises: SendLater, Undeliverable: the platform could not show it.
        """
