"""The event broker that appends to a file, with one JSON object per line.

Each call opens the file, so the file can be rotated at any time. When `publish` returns, the messages are on disk. A
crash or a full disk can leave an incomplete last line. The next write removes this line, and the publisher publishes
the message again.
"""

import asyncio
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from manent.core.errors import BrokerError
from manent.extensions.finding import Site
from manent.runtime.ports.broker import Outgoing

_BLOCK = 65_536


class FileOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `type: file`.

    Attributes:
        path: the file.
    """

    path: str = "rasa_event.log"


class FileBroker:
    """Implements `Broker` with a file. Several processes can write to the same file."""

    options = FileOptions

    @classmethod
    def from_options(cls, options: FileOptions, site: Site) -> "FileBroker":
        """Return a broker for the file that the options name."""
        return cls(site.root / options.path)

    def __init__(self, path: Path) -> None:
        self.path = path

    async def connect(self) -> None:
        """Do nothing, because each `publish` opens the file."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Append the messages to the file and flush it to disk."""
        lines = b"".join(message.body + b"\n" for message in messages)
        try:
            await asyncio.to_thread(_append, self.path, lines)
        except OSError as error:
            raise BrokerError("broker_file", f"cannot write to {self.path}: {error.strerror}") from error

    async def close(self) -> None:
        """Do nothing, because the file is not kept open."""


def _append(path: Path, lines: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = _end_of_last_line(file.fileno())
        file.truncate(end)
        try:
            written = 0
            while written < len(lines):
                written += file.write(lines[written:])
            os.fsync(file)
        except OSError:
            file.truncate(end)
            raise


def _end_of_last_line(file: int) -> int:
    """Return the file's length in bytes, excluding an incomplete last line."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
