"""The record that a store keeps for a visitor's file. The bytes are in a `Place` (`runtime/ports/files.py`)."""

import msgspec


class VisitorFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a visitor sent.

    Attributes:
        file_id: random id of 32 hexadecimal digits. It is also the key under which the bytes are stored.
        sender_id: key of the conversation.
        name: file name for display, without a path.
        mime: media type, determined by the content.
        size: number of bytes.
        created: start of the upload in seconds since the epoch.
    """

    file_id: str
    sender_id: str
    name: str
    mime: str
    size: int
    created: float
