"""Appends data to a Brotli stream without compressing it, because Python's standard library has no Brotli (RFC 7932).

Called by `page.py`, which appends a site's settings to the loader. The build writes streams without an end for this.
"""

from typing import Final

MAX_LENGTH: Final = 1 << 16
"""Maximum number of bytes in one block."""

_END: Final = b"\x03"
"""An empty last block."""


def append(stream: bytes, data: bytes) -> bytes:
    """Return a complete stream: `stream`, then `data` in blocks that are not compressed.

    Args:
        stream: a stream whose last block ends at a whole byte and is not marked as the last block.
        data: the bytes to append.
    """
    starts = range(0, len(data), MAX_LENGTH)
    return b"".join((stream, *(_block(data[start : start + MAX_LENGTH]) for start in starts), _END))


def _block(data: bytes) -> bytes:
    # From the lowest bit: not the last block (0), four digits of the length (00), length - 1, not compressed (1).
    header = (len(data) - 1) << 3 | 1 << 19
    return header.to_bytes(3, "little") + data
