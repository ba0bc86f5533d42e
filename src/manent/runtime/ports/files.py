"""The interfaces for visitors' files: records in the store, storage of the bytes, and use in messages.

`stores/files.py` implements `FileRecords`. `files/` implements `Place` and `Attachments`.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import BinaryIO, Protocol

from manent.core.events import Json
from manent.core.visitor_file import VisitorFile


class FileRecords(Protocol):
    """The part of a store that contains the records of visitors' files.

    A record is written before the first byte of its file, and removed after the last byte. So every byte has a record,
    even after a crash. A record's state is first `arriving`, then `ready`, then `removed`. Each record has a time at
    which the file is removed unless an accepted message names it. Erasing and purging a conversation set this time to
    now.
    """

    async def add_file(self, file: VisitorFile, *, remove_at: float, max_files: int, max_total: int) -> None:
        """Write the record of an arriving file.

        Args:
            file: the record. `size` is the largest possible size.
            remove_at: time at which the file is removed if the upload does not finish, in seconds since the epoch.
            max_files: maximum number of files of the conversation.
            max_total: maximum size of the files of all conversations in bytes.

        Raises:
            RequestError: `too_many_files`.
        """

    async def finish_file(self, file: VisitorFile, *, remove_at: float) -> bool:
        """Make an arriving file ready, with its final name, type and size.

        Returns:
            Whether the record still exists. An erase of the conversation removes it.
        """

    async def find_file(self, file_id: str) -> VisitorFile | None:
        """Return the record of a file, or None if the file is unknown, arriving or removed."""

    async def attach_files(
        self, sender_id: str, message_id: str, file_ids: Sequence[str], *, remove_at: float
    ) -> list[VisitorFile]:
        """Reserve ready files of a conversation for a message that the conversation is about to accept.

        If the conversation accepts the message, the files remain. Otherwise, they are removed at `remove_at`.

        Raises:
            RequestError: `unknown_file`: a file is unknown, belongs to another conversation, or is part of another
                accepted message. No file was reserved.
        """

    async def move_files(self, sender_id: str, new_sender_id: str) -> None:
        """Move the files of accepted messages to another conversation, which has copied these messages."""

    async def take_removed_files(self, *, now: float, created_before: float | None, limit: int) -> list[str]:
        """Mark as removed the files whose removal time has passed.

        Return the ids of removed files, whose bytes must be removed.

        Args:
            now: seconds since the epoch.
            created_before: also remove files that were created before this time. None: files are not removed because of
                their age.
            limit: maximum number of returned ids.
        """

    async def forget_files(self, file_ids: Collection[str]) -> None:
        """Delete the records of files whose bytes are removed."""


class Place(Protocol):
    """The storage for the bytes: a folder or an object store.

    Every method raises StoreError if the place cannot be used.
    """

    name: str
    """Name for log messages, without secrets."""

    async def open(self) -> None:
        """Prepare the place."""

    async def put(self, file_id: str, content: BinaryIO) -> None:
        """Store the bytes of a file durably. `content` is read from its current position."""

    def read(self, file_id: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file in pieces."""

    async def remove(self, file_ids: Sequence[str]) -> None:
        """Remove the bytes of files, including those of unfinished `put` calls. Unknown files are ignored."""


class Attachments(Protocol):
    """The files that messages can name. `runtime/protocol1.py` uses it."""

    @property
    def offer(self) -> Json:
        """The limits for clients: `{max_size, max_per_message, types}`. Sizes are in bytes."""

    @property
    def intent(self) -> str | None:
        """Intent of messages that contain files but no text. None: the NLU decides."""

    async def attach(self, sender_id: str, message_id: str, file_ids: Sequence[str]) -> list[Json]:
        """Reserve files for a message. Return the values for the log: `{file_id, name, mime, size, url}` for each file.

        Raises:
            RequestError: `too_many_files` or `unknown_file`.
        """

    def link(self, file_id: str) -> str:
        """Return a path from which the file can be read for a limited time."""
