"""Implements the table `files` for all stores: the records of visitors' files.

`stores/postbox.py` describes operations. The column `remove_at` is the time at which a file is removed. It is NULL for
the files of accepted messages. A message that the conversation has accepted is in the table `accepted`, so an append
need not write to the table `files`.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from manent.core.conversation_log import Head
from manent.core.errors import RequestError
from manent.core.visitor_file import VisitorFile
from manent.stores import postbox
from manent.stores.desk.forgetting import forget_log
from manent.stores.operation import Operation
from manent.stores.postbox import PostboxTables

_COLUMNS: Final = "file_id, sender_id, name, mime, size, created"
_IS_ACCEPTED: Final = (
    "EXISTS (SELECT 1 FROM accepted AS a JOIN conversations AS c ON c.id = a.conversation_id "
    "WHERE c.sender_id = files.sender_id AND a.message_id = files.message_id)"
)


def add_file(file: VisitorFile, remove_at: float, max_files: int, max_total: int) -> Operation[None]:
    """See `FileRecords.add_file`."""
    counted = yield ("SELECT count(*) FROM files WHERE sender_id = $1", (file.sender_id,))
    if counted[0][0] >= max_files:
        raise RequestError(
            "too_many_files", f"this conversation contains too many files (limit {max_files:,})", status=409
        )
    total = yield ("SELECT coalesce(sum(size), 0) FROM files", ())
    if int(total[0][0]) + file.size > max_total:
        raise RequestError(
            "too_many_files",
            "the server has no room for this file at the moment: try again later",
            status=503,
            retry_after=600.0,
        )
    yield (
        f"INSERT INTO files ({_COLUMNS}, state, remove_at) VALUES ($1, $2, $3, $4, $5, $6, 'arriving', $7)",
        (*_values(file), remove_at),
    )


def finish_file(file: VisitorFile, remove_at: float) -> Operation[bool]:
    """See `FileRecords.finish_file`."""
    found = yield (
        (
            "UPDATE files SET name = $3, mime = $4, size = $5, state = 'ready', remove_at = $6 "
            "WHERE file_id = $1 AND sender_id = $2 AND state = 'arriving' RETURNING file_id"
        ),
        (file.file_id, file.sender_id, file.name, file.mime, file.size, remove_at),
    )
    return bool(found)


def find_file(file_id: str) -> Operation[VisitorFile | None]:
    """See `FileRecords.find_file`."""
    found = yield (f"SELECT {_COLUMNS} FROM files WHERE file_id = $1 AND state = 'ready'", (file_id,))
    return _file(found[0]) if found else None


def attach_files(
    sender_id: str, message_id: str, file_ids: Sequence[str], remove_at: float
) -> Operation[list[VisitorFile]]:
    """See `FileRecords.attach_files`."""
    yield from _keep_accepted(sender_id)
    attached = []
    for file_id in file_ids:
        found: Sequence[Any] = ()
        if "\0" not in file_id:  # PostgreSQL rejects this character
            found = yield (
                (
                    "UPDATE files SET message_id = $3, "
                    "remove_at = CASE WHEN remove_at IS NULL THEN remove_at ELSE $4 END "
                    "WHERE file_id = $1 AND sender_id = $2 AND state = 'ready' "
                    "AND (message_id = $3 OR remove_at IS NOT NULL) "
                    f"RETURNING {_COLUMNS}"
                ),
                (file_id, sender_id, message_id, remove_at),
            )
        if not found:
            raise RequestError(
                "unknown_file",
                f"file {file_id!r} does not exist in this conversation, or is part of another message: upload it again",
                status=409,
            )
        attached.append(_file(found[0]))
    return attached


def move_files(sender_id: str, new_sender_id: str) -> Operation[None]:
    """See `FileRecords.move_files`."""
    yield from _keep_accepted(sender_id)
    yield (
        "UPDATE files SET sender_id = $2 WHERE sender_id = $1 AND remove_at IS NULL",
        (sender_id, new_sender_id),
    )


def take_removed_files(now: float, created_before: float | None, limit: int) -> Operation[list[str]]:
    """See `FileRecords.take_removed_files`."""
    yield (f"UPDATE files SET remove_at = NULL WHERE remove_at <= $1 AND state = 'ready' AND {_IS_ACCEPTED}", (now,))
    if created_before is not None:
        yield (
            "UPDATE files SET remove_at = $1 WHERE created < $2 AND state = 'ready'",
            (now, created_before),
        )
    yield (
        (
            "UPDATE files SET state = 'removed', sender_id = '', message_id = NULL, name = '' "
            "WHERE remove_at <= $1 AND state <> 'removed'"
        ),
        (now,),
    )
    found = yield (
        "SELECT file_id FROM files WHERE state = 'removed' AND remove_at <= $1 ORDER BY remove_at, file_id LIMIT $2",
        (now, limit),
    )
    return [file_id for (file_id,) in found]


def forget_files(file_ids: Collection[str], names: str) -> Operation[None]:
    """See `FileRecords.forget_files`. `names`: a subquery with the names in the JSON list `$1`."""
    yield (f"DELETE FROM files WHERE file_id IN {names}", (msgspec.json.encode(list(file_ids)).decode(),))


def forget_conversation(sender_id: str, now: float) -> Operation[None]:
    """Remove all of a conversation's data from the tables for messengers and files.

    A file's record remains, without the visitor's data, until the bytes are removed. An upload can still be
    writing the bytes of an arriving file, so its removal time does not change.
    """
    yield from postbox.forget_conversation(sender_id, now)
    yield (
        (
            "UPDATE files SET sender_id = '', message_id = NULL, name = '', "
            "remove_at = CASE WHEN state = 'arriving' THEN remove_at ELSE $2 END, "
            "state = CASE WHEN state = 'arriving' THEN state ELSE 'removed' END WHERE sender_id = $1"
        ),
        (sender_id, now),
    )


def prepare_replacement(head: Head) -> Operation[None]:
    """Keep accepted messages' files, move the route behind the new log, and remove the desk's copies of the old log.

    Call this in the transaction that replaces a log, before its accepted messages are deleted. `head` is the new head.
    """
    yield from _keep_accepted(head.sender_id)
    yield from postbox.move_to_new_log(head.sender_id, head.epoch, head.version)
    yield from forget_log(head.sender_id)


def _keep_accepted(sender_id: str) -> Operation[None]:
    yield (
        f"UPDATE files SET remove_at = NULL WHERE sender_id = $1 AND state = 'ready' AND {_IS_ACCEPTED}",
        (sender_id,),
    )


def _values(file: VisitorFile) -> tuple[Any, ...]:
    return (file.file_id, file.sender_id, file.name, file.mime, file.size, file.created)


def _file(row: Sequence[Any]) -> VisitorFile:
    file_id, sender_id, name, mime, size, created = row
    return VisitorFile(file_id=file_id, sender_id=sender_id, name=name, mime=mime, size=size, created=created)


class FileTables(PostboxTables):
    """Implements `FileRecords` and `Postbox` with operations. Stores are subclasses that run the operations."""

    async def add_file(self, file: VisitorFile, *, remove_at: float, max_files: int, max_total: int) -> None:
        """See `FileRecords.add_file`."""
        await self.run_operation(add_file(file, remove_at, max_files, max_total), is_alone=True)

    async def finish_file(self, file: VisitorFile, *, remove_at: float) -> bool:
        """See `FileRecords.finish_file`."""
        return await self.run_operation(finish_file(file, remove_at))

    async def find_file(self, file_id: str) -> VisitorFile | None:
        """See `FileRecords.find_file`."""
        return await self.run_operation(find_file(file_id), is_read=True)

    async def attach_files(
        self, sender_id: str, message_id: str, file_ids: Sequence[str], *, remove_at: float
    ) -> list[VisitorFile]:
        """See `FileRecords.attach_files`."""
        return await self.run_operation(attach_files(sender_id, message_id, file_ids, remove_at))

    async def move_files(self, sender_id: str, new_sender_id: str) -> None:
        """See `FileRecords.move_files`."""
        await self.run_operation(move_files(sender_id, new_sender_id))

    async def take_removed_files(self, *, now: float, created_before: float | None, limit: int) -> list[str]:
        """See `FileRecords.take_removed_files`."""
        return await self.run_operation(take_removed_files(now, created_before, limit), is_alone=True)

    async def forget_files(self, file_ids: Collection[str]) -> None:
        """See `FileRecords.forget_files`."""
        await self.run_operation(forget_files(file_ids, self.names_in.format("$1")))
