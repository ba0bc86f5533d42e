"""Simulates a disk that loses power in the middle of a sequence of writes and syncs.

`faults/writes.c` records the calls, and `Disk` replays them and returns the files that may exist after the power
failure. The simulation relies only on POSIX guarantees: the bytes of a file are durable after a sync of the file, and
its name after a sync of its folder. Of later writes, any combination of sectors may be on the disk.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SECTOR = 512


@dataclass(frozen=True)
class Write:
    """One recorded call. Kind: `w` write, `t` truncate, `s` sync, `u` unlink."""

    kind: str
    path: Path
    offset: int
    data: bytes


def read_log(path: Path) -> Iterator[Write]:
    """Read the calls that `faults/writes.c` recorded. Ignore an incomplete last record, which a kill can leave."""
    with path.open("rb") as log:
        while len(head := log.read(17)) == 17:
            kind, offset, path_length, length = struct.unpack("=cqII", head)
            name, data = log.read(path_length), log.read(length)
            if len(data) < length:
                return
            yield Write(kind.decode(), Path(name.decode()), offset, data)


@dataclass
class Disk:
    """The files that are certainly on the disk, and the writes that are not synced yet."""

    sure: dict[Path, bytes] = field(default_factory=dict)
    names: set[Path] = field(default_factory=set)
    pending: dict[Path, list[Write]] = field(default_factory=dict)
    unlinked: set[Path] = field(default_factory=set)

    def take(self, write: Write) -> None:
        """Replay one more recorded call."""
        path = write.path
        if write.kind == "u":
            self.unlinked.add(path)
        elif write.kind in "wt":
            if path in self.unlinked:  # a new file has this name, so the bytes of the old file can no longer be read
                self.unlinked.discard(path)
                self.sure.pop(path, None)
                self.pending.pop(path, None)
            self.pending.setdefault(path, []).append(write)
        elif path.suffix == "" and not (path in self.pending or path in self.sure):
            self._sync_folder(path)
        else:
            self.sure[path] = apply(self.sure.get(path, b""), self.pending.pop(path, []))

    def _sync_folder(self, folder: Path) -> None:
        known = {*self.sure, *self.pending}
        self.names |= {path for path in known if path.parent == folder}
        self.names -= self.unlinked
        for path in self.unlinked:
            self.sure.pop(path, None)
            self.pending.pop(path, None)
        self.unlinked.clear()

    def after_power_loss(self, random: Random | None) -> dict[Path, bytes]:
        """Return possible files after the power failure: no unsynced writes or, with `random`, some sectors of them."""
        found = {}
        for path in self.names:
            pending = self.pending.get(path, [])
            kept = (
                []
                if random is None
                else [part for write in pending for part in sectors(write) if random.random() < 0.5]
            )
            found[path] = apply(self.sure.get(path, b""), kept)
        return found


def sectors(write: Write) -> Iterator[Write]:
    """Split a write at the disk's sector boundaries."""
    if write.kind != "w":
        yield write
        return
    start = 0
    while start < len(write.data):
        size = SECTOR - (write.offset + start) % SECTOR
        yield Write("w", write.path, write.offset + start, write.data[start : start + size])
        start += size


def apply(content: bytes, writes: list[Write]) -> bytes:
    """Return a file's content after writes and truncations."""
    result = bytearray(content)
    for write in writes:
        if write.kind == "t":
            del result[write.offset :]
            result.extend(bytes(write.offset - len(result)))
        else:
            result.extend(bytes(max(0, write.offset - len(result))))
            result[write.offset : write.offset + len(write.data)] = write.data
    return bytes(result)
