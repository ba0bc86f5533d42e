"""Describes the routes of the channels for the OpenAPI document. `channels/` serves them."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from manent.server.operation import Operation

MessageId = Annotated[str, Meta(min_length=1, max_length=128)]


class ChannelMessage(msgspec.Struct, kw_only=True):
    """A visitor's message over the REST or the callback channel."""

    message: str
    sender: (
        Annotated[str | int, Meta(description="key of the conversation; `default` if it is missing")] | UnsetType
    ) = UNSET
    message_id: MessageId | UnsetType = UNSET
    input_channel: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    session_token: str | UnsetType = UNSET


class Reply(msgspec.Struct, kw_only=True):
    """A bot message."""

    recipient_id: str
    text: str | UnsetType = UNSET
    buttons: list[dict[str, Any]] | UnsetType = UNSET
    image: str | UnsetType = UNSET
    attachment: Any = UNSET
    custom: Any = UNSET


class ChannelHealth(msgspec.Struct, kw_only=True):
    """The channel is available."""

    status: str


class StreamQuery(msgspec.Struct, kw_only=True):
    """Query parameters of the REST channel."""

    stream: bool | UnsetType = UNSET


_SAY_ERRORS = (400, 403, 409, 413, 429, 503)

OPERATIONS = (
    *(
        Operation(method="GET", path=f"/webhooks/{channel}/", summary="Health of the channel", answer=ChannelHealth)
        for channel in ("socketio", "rest", "callback")
    ),
    Operation(
        method="POST",
        path="/webhooks/rest/webhook",
        summary="Send a message, get the bot's replies",
        body=ChannelMessage,
        query=StreamQuery,
        answer=list[Reply],
        also="text/event-stream",
        errors=_SAY_ERRORS,
    ),
    Operation(
        method="POST",
        path="/webhooks/callback/webhook",
        summary="Send a message; the replies go to the configured URL",
        body=ChannelMessage,
        answer="text/plain",
        errors=(*_SAY_ERRORS, 500),
    ),
)
