"""What comes in through a channel, before anything is made of it."""

import msgspec

from manent.core.events import Json

SERVED_CHANNELS = ("socketio", "rest", "callback", "cmdline")
"""Channels that Manent serves; others in `credentials.yml` are left out."""


class UserMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a visitor, as a channel hands it in.

    Attributes:
        sender_id: key of the conversation, 1–255 characters.
        text: what was said; stripped by the channel.
        message_id: unique among the accepted messages of the conversation, 1–128 characters; None when the client
            gave none (the runtime then makes one, and the message cannot be recognised when it is sent again).
        input_channel: name of the channel it came through (`rest`, `socketio`, …), None when it was none.
        output_channel: name that response variations are chosen by (REST's is `collector`).
        title: what the visitor clicked, when `text` is a button's payload.
        metadata: whatever the client sent along.
        parse_data: a parse result to use instead of running the NLU.
        external: a trigger from outside, not the visitor's own words (`EXTERNAL: <intent>`).
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
