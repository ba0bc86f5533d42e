"""Visitors' files: uploads, their use in messages, links, and removal.

`server/api/files.py` serves uploads and links, and `runtime/protocol1.py` attaches files to messages. The record of a
file is written before its bytes, and its bytes are removed before its record. So a crash leaves behind no bytes without
a record, and the next server removes the files of unfinished uploads after an hour.
"""

import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final

from msgspec.structs import replace

from manent.core.conversation_log import LogEntry
from manent.core.errors import RequestError, StoreError
from manent.core.events import Json
from manent.core.visitor_file import VisitorFile
from manent.files.content import MARKUP, TYPES, safe_name, type_of
from manent.files.links import Links
from manent.files.options import FilesOptions
from manent.files.scanner import Scanner
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.files import Place
from manent.runtime.ports.store import ConversationStore

log = logging.getLogger("manent.files")

UNUSED_S: Final = 3_600.0
"""Seconds after which a file that no accepted message names is removed."""

UPLOAD_S: Final = 600.0
"""Maximum number of seconds of an upload. It must be less than `UNUSED_S`."""

MAX_UPLOADS: Final = 32
"""Maximum number of uploads that one server receives at the same time."""

REMOVAL_S: Final = 60.0
"""Seconds between two removals of files."""

DAY_S: Final = 86_400.0
SECRET: Final = "files_secret"  # noqa: S105  # the name of the secret
_BATCH: Final = 100
_BUFFER: Final = 1 << 18
_UNKNOWN: Final = "application/octet-stream"


class VisitorFiles:
    """Receives, serves and removes visitors' files. Implements `Attachments`.

    Args:
        options: the section `files:` of `credentials.yml`.
        store: contains the records.
        place: contains the bytes.
        scanner: checks each file before it is accepted, or None.
        spool: folder of temporary files during an upload. None means the system's folder for temporary files.
        metrics: counts failed removals.
        now: returns the time in seconds since the epoch.
    """

    def __init__(
        self,
        options: FilesOptions,
        store: ConversationStore,
        place: Place,
        *,
        scanner: Scanner | None = None,
        spool: Path | None = None,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self._store = store
        self._place = place
        self._scanner = scanner
        self._spool = spool
        self._now = now
        self._links = Links(b"", valid_s=0)
        self._uploads = 0
        self._loop = Loop("files", self._remove, metrics=metrics or Metrics())

    async def open(self) -> None:
        """Open the place, read the key that signs links, and start to remove files.

        Raises:
            StoreError: the place or the store cannot be used.
            ProjectError: a library of the place is not installed.
        """
        await self.prepare()
        secret = await self._store.put_meta(SECRET, secrets.token_bytes(32))
        self._links = Links(secret, valid_s=self.options.link_minutes * 60)
        self._loop.open()

    async def prepare(self) -> None:
        """Open the place for commands that only remove files. Raises the errors of `open`."""
        await self._place.open()

    async def close(self) -> None:
        """Stop removing files."""
        await self._loop.close()

    @property
    def offer(self) -> Json:
        """See `Attachments.offer`."""
        options = self.options
        return {"max_size": options.max_size, "max_per_message": options.max_per_message, "types": options.allowed}

    @property
    def intent(self) -> str | None:
        """See `Attachments.intent`."""
        return self.options.intent

    def note(self, _: str, entries: Sequence[LogEntry]) -> None:
        """Remove files soon after an erase. The engine calls this after every append and erase."""
        if not entries:
            self._loop.wake()

    # uploads --------------------------------------------------------------------------------------------------------

    async def receive(self, sender_id: str, name: str, pieces: AsyncIterator[bytes]) -> VisitorFile:
        """Receive a file. When this returns, the file is durable.

        Args:
            sender_id: the conversation, to which the caller has access.
            name: the name that the client sent.
            pieces: the bytes.

        Raises:
            RequestError: `busy`, `too_many_files`, `file_too_large`, `file_type_refused`, `file_refused`, `too_slow`,
                or `conversation_changed`: the conversation was erased during the upload.
            StoreError: the file was not stored.
        """
        if self._uploads >= MAX_UPLOADS:
            raise RequestError("busy", "too many uploads at the same time: try again", status=503, retry_after=2.0)
        self._uploads += 1
        try:
            async with asyncio.timeout(UPLOAD_S):
                return await self._receive(sender_id, name, pieces)
        except TimeoutError:
            raise RequestError(
                "too_slow", f"the upload took longer than {UPLOAD_S:.0f} s, which is the limit", status=408
            ) from None
        finally:
            self._uploads -= 1

    async def _receive(self, sender_id: str, name: str, pieces: AsyncIterator[bytes]) -> VisitorFile:
        options, created = self.options, self._now()
        arriving = VisitorFile(
            file_id=secrets.token_hex(16),
            sender_id=sender_id,
            name="",
            mime=_UNKNOWN,
            size=options.max_size,
            created=created,
        )
        await self._store.add_file(
            arriving,
            remove_at=created + UNUSED_S,
            max_files=options.max_per_conversation,
            max_total=options.max_total,
        )
        try:
            return await self._store_file(arriving, name, pieces)
        except Exception:  # not for a cancellation, because a thread can then still be writing the bytes
            await self._discard_now(arriving.file_id)
            raise

    async def _store_file(self, arriving: VisitorFile, name: str, pieces: AsyncIterator[bytes]) -> VisitorFile:
        allowed = self.options.allowed
        async with self._spooled(pieces) as (content, size):
            mime = await asyncio.to_thread(type_of, content)
            if mime is None or mime not in allowed:
                raise _type_refused(mime, allowed)
            if self._scanner is not None:
                await self._scanner.check(content, mime)
            content.seek(0)
            await self._place.put(arriving.file_id, content)
        ready = replace(arriving, name=safe_name(name, mime), mime=mime, size=size)
        if not await self._store.finish_file(ready, remove_at=self._now() + UNUSED_S):
            raise RequestError("conversation_changed", "the conversation was erased during the upload", status=409)
        return ready

    @asynccontextmanager
    async def _spooled(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[BinaryIO, int]]:
        """Yield a temporary file with the bytes, and its size. The file has no name, so a crash removes it.

        Raises:
            RequestError: `file_too_large`.
            StoreError: the temporary file cannot be written.
        """
        try:
            with await asyncio.to_thread(self._open_spool) as content:
                size, waiting = 0, bytearray()
                async for piece in pieces:
                    size += len(piece)
                    if size > self.options.max_size:
                        raise too_large(self.options.max_size)
                    waiting += piece
                    if len(waiting) >= _BUFFER:
                        await asyncio.to_thread(_write, content, bytes(waiting))
                        waiting.clear()
                await asyncio.to_thread(_write, content, bytes(waiting))
                yield content, size
        except OSError as error:
            raise StoreError("files_unavailable", f"the temporary file of an upload cannot be used: {error}") from error

    def _open_spool(self) -> BinaryIO:
        # Without a buffer, because a scanner's program shares the position in the file.
        return tempfile.TemporaryFile(buffering=0, dir=self._spool)

    # use in messages ------------------------------------------------------------------------------------------------

    async def attach(self, sender_id: str, message_id: str, file_ids: Sequence[str]) -> list[Json]:
        """See `Attachments.attach`."""
        limit = self.options.max_per_message
        if len(file_ids) > limit:
            raise RequestError("too_many_files", f"a message can contain at most {limit} files", status=409)
        files = await self._store.attach_files(sender_id, message_id, file_ids, remove_at=self._now() + UNUSED_S)
        base = (self.options.url or "").rstrip("/")
        return [
            {
                "file_id": file.file_id,
                "name": file.name,
                "mime": file.mime,
                "size": file.size,
                "url": base + self.link(file.file_id),
            }
            for file in files
        ]

    # reading --------------------------------------------------------------------------------------------------------

    def link(self, file_id: str) -> str:
        """See `Attachments.link`."""
        return self._links.make(file_id, self._now())

    async def find(self, file_id: str, expires: str, signature: str) -> VisitorFile:
        """Return the file to which a signed link refers.

        Raises:
            RequestError: `link_expired`: the signature is wrong or the link is no longer valid. `unknown_file`: the
                file is removed.
        """
        if not self._links.is_valid(file_id, expires, signature, self._now()):
            raise RequestError(
                "link_expired", "this link is not valid, or no longer valid: open the conversation again", status=403
            )
        file = await self._store.find_file(file_id)
        if file is None:
            raise RequestError("unknown_file", "this file no longer exists", status=404)
        return file

    def read(self, file: VisitorFile) -> AsyncIterator[bytes]:
        """Yield the bytes of a file.

        Raises:
            StoreError: the place cannot be used.
        """
        return self._place.read(file.file_id)

    # removal --------------------------------------------------------------------------------------------------------

    async def remove_due(self) -> int:
        """Remove the files of erased conversations, unused files and old files. Return their number.

        Raises:
            StoreError: the place or the store cannot be used.
        """
        days, now, total = self.options.retention_days, self._now(), 0
        created_before = None if days is None else now - days * DAY_S
        while gone := await self._store.take_removed_files(now=now, created_before=created_before, limit=_BATCH):
            await self._discard(gone)
            total += len(gone)
        return total

    async def _remove(self) -> float:
        count = await self.remove_due()
        if count:
            log.info("removed files", extra={"count": count})
        return REMOVAL_S

    async def _discard_now(self, file_id: str) -> None:
        """Remove the file of an upload that failed. If this also fails, the file is removed at its scheduled time."""
        try:
            await self._discard([file_id])
        except StoreError as error:
            log.warning("a file is removed later", extra={"code": error.code, "error": error.message})

    async def _discard(self, file_ids: Sequence[str]) -> None:
        await self._place.remove(file_ids)
        await self._store.forget_files(file_ids)


def too_large(limit: int) -> RequestError:
    """Return the error for a file above the limit in bytes."""
    return RequestError("file_too_large", f"the file is too large (limit {limit:,} bytes)", status=413)


def _type_refused(mime: str | None, allowed: Sequence[str]) -> RequestError:
    kind = "HTML, SVG or XML" if mime == MARKUP else mime if mime in TYPES else "of an unknown type"
    return RequestError(
        "file_type_refused",
        f"the content of the file is {kind}, which this server does not accept (it accepts {', '.join(allowed)})",
        status=415,
    )


def _write(content: BinaryIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[content.write(left) :]
