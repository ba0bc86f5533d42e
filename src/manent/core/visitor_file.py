"""The record that a store keeps of a file of a visitor. The bytes are in a `Place` (`runtime/ports/files.py`)."""

import msgspec


class VisitorFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a visitor sent.

    Attributes:
        file_id: random id of 32 hexadecimal digits. It is also the key of the bytes.
        sender_id: key of the conversation.
        name: file name for people, without a path.
        mime: media type, judged by the content.
        size: number of bytes.
        created: start of the upload in seconds since the epoch.
    """

    file_id: str
    sender_id: str
    name: str
    mime: str
    size: int
    created: float
