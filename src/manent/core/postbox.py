"""The records that stores save for messenger channels: received messages, and the position of sent replies.

A platform calls the channel's webhook (`ReceivedMessage`), and the channel calls the platform's API (`Route`).
"""

from typing import Final

import msgspec

from manent.core.conversation_log import Lease
from manent.core.events import Json

OPEN_CHANNELS: Final = frozenset({"callback"})
"""Channels whose routes do not close a conversation to other channels. Only some of the bot messages in such a
conversation are for the route: their metadata has its channel as `output_channel`."""


class ReceivedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message from a platform's webhook call that no conversation has accepted yet.

    Attributes:
        channel: name of the channel.
        address: id of the visitor, chat or room on the platform.
        message_id: the platform's id for the message. A repeated delivery has the same id.
        text: the message.
        title: text of the clicked button, if `text` is its payload.
        metadata: the message's metadata.
        reference: further data that the channel needs for sending to this conversation, for example a thread id.
        sender_id: key of the conversation; set by the store.
        number: position among all received messages; set by the store.
    """

    channel: str
    address: str
    message_id: str
    text: str
    title: str | None = None
    metadata: Json = {}
    reference: Json = {}
    sender_id: str = ""
    number: int = 0


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The channel to which a conversation belongs, and the position of the last bot message that was sent.

    Attributes:
        sender_id: key of the conversation.
        channel: name of the channel.
        address: id of the visitor, chat or room on the platform.
        reference: further data that the channel needs for sending, see `ReceivedMessage`.
        epoch: epoch of the log that is being sent, or "" if no message has been sent yet.
        seq: `seq` of the newest completely sent event, or 0 if there is none.
        part: number of parts of the next bot message that were already sent.
        failures: failed attempts to send the next part.
        retry_at: earliest time of the next attempt, in seconds since the epoch.
        lease: which process sends.
    """

    sender_id: str
    channel: str
    address: str
    reference: Json = {}
    epoch: str = ""
    seq: int = 0
    part: int = 0
    failures: int = 0
    retry_at: float = 0.0
    lease: Lease | None = None


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a bot message that the platform has permanently rejected, or whose send had an unknown result.

    Attributes:
        seq: `seq` of the bot message.
        part: number of the part, from 0.
        reason: the platform's reason.
        time: seconds since the epoch.
        is_uncertain: whether the platform can have received the part. The part was sent again, so it can have arrived
            twice.
    """

    seq: int
    part: int
    reason: str
    time: float
    is_uncertain: bool = False
