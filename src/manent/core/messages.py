"""Messages of visitors as a channel receives them, before NLU."""

import msgspec

from manent.core.events import Json


class UserMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a visitor.

    Attributes:
        sender_id: key of the conversation, 1–255 characters.
        text: the message, stripped by the channel.
        message_id: unique among the accepted messages of the conversation, 1–128 characters. None: the client sent no
            id. The runtime then generates one, so it cannot detect a repeated message.
        input_channel: name of the channel that received it (`rest`, `socketio`, …). None: no channel.
        output_channel: name of the channel that response variations are selected for (`collector` for REST).
        title: text of the clicked button, if `text` is its payload.
        metadata: metadata that the client sent.
        parse_data: parse result to use instead of running the NLU.
        external: whether an external trigger (`EXTERNAL: <intent>`) created it instead of the visitor.
    """

    sender_id: str
    text: str
    message_id: str | None = None
    input_channel: str | None = "rest"
    output_channel: str = "collector"
    title: str | None = None
    metadata: Json = {}
    parse_data: Json | None = None
    external: bool = False
