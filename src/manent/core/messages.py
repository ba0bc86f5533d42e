"""Visitors' messages as a channel receives them, before the NLU parses them."""

import msgspec

from manent.core.events import Json


class UserMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A visitor's message.

    Attributes:
        sender_id: key of the conversation, 1–255 characters.
        text: the message, stripped by the channel.
        message_id: an id that is unique among the conversation's accepted messages, 1–128 characters. None if the
            client sent no id. The runtime then generates an id and cannot detect that a message is repeated.
        input_channel: name of the channel that received the message (`rest`, `socketio`, …). None if no channel
            received it.
        output_channel: name of the channel for which response variations are selected (`collector` for REST).
        title: text of the clicked button, if `text` is its payload.
        metadata: metadata that the client sent.
        file_ids: ids of the files that the message names. The metadata contains the other data about the files.
        parse_data: parse result to use instead of running the NLU.
        external: whether the message was created by an external trigger (`EXTERNAL: <intent>`) instead of the visitor.
    """

    sender_id: str
    text: str
    message_id: str | None = None
    input_channel: str | None = "rest"
    output_channel: str = "collector"
    title: str | None = None
    metadata: Json = {}
    file_ids: tuple[str, ...] = ()
    parse_data: Json | None = None
    external: bool = False
