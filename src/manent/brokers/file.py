"""The event broker that appends to a file: one JSON object a line.

Each call opens the file anew, so that it may be rotated at any time. What was handed over is on the disk on return. A
line that a crash or a full disk cut off is removed before the next one is written: it will be, or was, given again.
"""

import asyncio
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing

_BLOCK = 65_536


class FileBroker:
    """Implements `Broker` on a file, which several processes may write to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def connect(self) -> None:
        """See `Broker.connect`. The file is opened when there is something to write."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Broker.publish`."""
        lines = b"".join(message.body + b"\n" for message in messages)
        try:
            await asyncio.to_thread(_append, self.path, lines)
        except OSError as error:
            raise BrokerError("broker_file", f"{self.path} cannot be written: {error.strerror}") from error

    async def close(self) -> None:
        """See `Broker.close`. Nothing is kept open."""


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
    """Return the file's length without a last line that has no end."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
