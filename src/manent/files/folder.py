"""A folder in which files are stored. Several servers can use a folder on a shared file system."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from manent.core.errors import StoreError

PIECE: Final = 1 << 18
"""Number of bytes that are read at once."""

_ARRIVING: Final = ".part"


class Folder:
    """Implements `Place`.

    Args:
        path: the folder. It is created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    async def open(self) -> None:
        """See `Place.open`."""
        try:
            await asyncio.to_thread(self._make)
        except OSError as error:
            raise self._unusable(error) from error

    async def put(self, file_id: str, content: BinaryIO) -> None:
        """See `Place.put`."""
        try:
            await asyncio.to_thread(self._put, file_id, content)
        except OSError as error:
            raise self._unusable(error) from error

    async def read(self, file_id: str) -> AsyncIterator[bytes]:
        """See `Place.read`."""
        try:
            file = await asyncio.to_thread(self._path(file_id).open, "rb")
            with file:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    yield piece
        except OSError as error:
            raise self._unusable(error) from error

    async def remove(self, file_ids: Sequence[str]) -> None:
        """See `Place.remove`."""
        try:
            await asyncio.to_thread(self._remove, file_ids)
        except OSError as error:
            raise self._unusable(error) from error

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, file_id: str) -> Path:
        return self.path / file_id[:2] / file_id

    def _put(self, file_id: str, content: BinaryIO) -> None:
        """Write the file under another name, and rename it when all bytes are on disk."""
        path = self._path(file_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        arriving = path.with_name(file_id + _ARRIVING)
        with arriving.open("wb") as file:
            shutil.copyfileobj(content, file, PIECE)
            file.flush()
            os.fsync(file.fileno())
        arriving.replace(path)
        for folder in (path.parent, self.path):
            _sync(folder)

    def _remove(self, file_ids: Sequence[str]) -> None:
        for file_id in file_ids:
            path = self._path(file_id)
            for one in (path, path.with_name(file_id + _ARRIVING)):
                one.unlink(missing_ok=True)

    def _unusable(self, error: OSError) -> StoreError:
        return StoreError("files_unavailable", f"the folder of files {self.name} cannot be used: {error}")


def _sync(folder: Path) -> None:
    """Write the names in a folder to disk, so that they survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
