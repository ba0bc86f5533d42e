"""Makes all servers on a store use the same model.

A new model comes from `PUT /model` or from a source that the server polls. The server loads the model, writes its file
to the store and announces it. All servers follow announcements and switch at the same time (see `announcement.py`). A
server does not announce a model that it cannot load. If it cannot load an announced model, it continues to use the old
model.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from manent.core.errors import ModelError, StoreError
from manent.models.archive import find_model
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.engine import Engine
from manent.runtime.loops import Loop
from manent.runtime.server_name import is_dead
from manent.server.models.announcement import KEY, Announcement, decode, encode, with_switch
from manent.server.models.sources import DOWNLOAD_TIMEOUT_S, Download, Source

log = logging.getLogger("manent.models")

POLL_S: Final = 1.0
"""Interval at which a server reads the announcement in the store."""

PENDING_POLL_S: Final = 0.2
"""Interval at which a server reads the announcement while the servers prepare a switch."""

REPORT_S: Final = 20.0
VALID_S: Final = 60.0
"""Interval at which a server reports that it is running, and duration for which such a report is valid."""

REFUSED_RETRY_S: Final = 60.0
"""Pause before a server retries to load an announced model."""

PART: Final = 1 << 20
"""Size in bytes of the parts into which the store splits a model file."""

_TRIES: Final = 10
_FOLDER: Final = ".download-"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.tar\.gz")

Load = Callable[[Path], Assistant]
"""Loads a model file, or raises ModelError."""

Swap = Callable[[Assistant | None], Awaitable[None]]
"""Replaces the assistant and the objects that depend on it, from the next turn on. None unloads it."""

Pull = Callable[[Path], Awaitable[Download | None]]
"""Downloads a model to a file, or returns None if there is no new model."""


class SharedModel:
    """Follows the announcement in the store, and polls the source.

    Open this after the store, and close it before the store.

    Args:
        engine: contains the store, the clock and the current model.
        load: see `Load`.
        swap: see `Swap`.
        local: the file from which the engine's model was loaded, or None if the engine has no model yet.
        folder: the folder of models, to which new models are written.
        source: the source to poll and the pause between two polls in seconds. With 0, polling stops when there is a
            model.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        load: Load,
        swap: Swap,
        local: Path | None,
        folder: Path,
        source: tuple[Source, float] | None = None,
    ) -> None:
        self.load = load
        self.folder = folder
        self._engine = engine
        self._swap = swap
        self._local = local
        self._source = source[0] if source else None
        self._wait_s = source[1] if source else 0.0
        self._refused: ModelError | None = None
        self._source_problem: ModelError | None = None
        self._has_model = local is not None
        self._etag: str | None = None
        self._has_pulled = False
        self._number = 0
        self._prepared: tuple[int, Assistant | None] = (0, None)
        self._ready = 0
        self._retry_at = float("-inf")
        self._reported_at = float("-inf")
        self._lock = asyncio.Lock()
        metrics = engine.metrics
        self._following = Loop("model", self._follow, metrics=metrics)
        self._polling = Loop("model source", self._poll, metrics=metrics, max_retry_s=self._wait_s or 60.0)

    @property
    def is_waiting(self) -> bool:
        """Whether this server still has no model, because its source has not provided a model that can be loaded."""
        return not self._has_model

    @property
    def problem(self) -> ModelError | None:
        """The error that possibly prevents this server from using the newest model, or None."""
        return self._refused or self._source_problem

    async def open(self) -> None:
        """Load the announced model or the source's model, and start to follow the announcement and poll the source.

        Without a source, a file in the folder that is newer than the announcement takes precedence.
        """
        await asyncio.to_thread(_remove_old_downloads, self.folder)
        await self._report()
        announced = decode(await self._engine.store.get_meta(KEY))
        if announced is not None and await self._is_wanted(announced):
            try:
                await self._follow_to(announced.number)
            except ModelError as error:
                log.warning(
                    "the model %s of the other servers cannot be used; starting with %s",
                    announced.file,
                    self._local.name if self._local else "no model",
                    extra={"code": error.code, "error": error.message},
                )
        if self._source is not None and self._engine.model is None:
            with contextlib.suppress(ModelError):  # the loop logs the error and retries
                await self._poll()
        self._following.open()
        if self._source is not None:
            self._polling.open()

    async def close(self) -> None:
        """Stop both loops, and remove this server from the list of running servers."""
        await self._polling.close()
        await self._following.close()
        try:
            await self._engine.store.remove_server(self._engine.leases.owner)
        except StoreError as error:
            log.warning(
                "could not remove this server from the list of servers; it is removed after %.0f s",
                VALID_S,
                extra={"code": error.code, "error": error.message},
            )

    async def take(self, pull: Pull, *, source: str = "") -> Download | None:
        """Download a model and make all servers use it. Return None if there is no new model.

        Args:
            pull: see `Pull`.
            source: name of the polled source, or "" if the model comes from a request. In the second case, the model's
                version is not recorded.

        Raises:
            ModelError: the download failed, or the model cannot be used.
        """
        with _download_folder(self.folder) as folder:
            file = folder / "download"
            found = await pull(file)
            if found is None:
                return None
            digest = await asyncio.to_thread(_digest, file)
            file = file.rename(folder / _file_name(found.name, digest, self.folder))
            current = decode(await self._engine.store.get_meta(KEY))
            if not source or not self._is_known(current, digest, found.etag, source):
                announced = await self._announce(file, digest=digest, etag=found.etag, source=source)
                await asyncio.to_thread(_keep, file, self.folder, announced.at)
            return found

    def _is_known(self, current: Announcement | None, digest: str, etag: str | None, source: str) -> bool:
        """Return whether a server has already announced this model of the source.

        Another model can have been announced after it, for example by `PUT /model`.
        """
        if current is None or current.digest == digest:
            return current is not None
        return self._has_model and etag is not None and (current.source, current.etag) == (source, etag)

    async def use(self, path: Path) -> None:
        """Make all servers use a local model file. Return when this server uses it.

        Raises:
            ModelError: the model cannot be used. The servers keep the old model.
        """
        file = await asyncio.to_thread(find_model, path)
        await self._announce(file, digest=await asyncio.to_thread(_digest, file))

    async def unload(self) -> None:
        """Make all running servers unload their model."""
        await self._announce(None, digest="")

    async def _announce(
        self,
        file: Path | None,
        *,
        digest: str,
        etag: str | None = None,
        source: str = "",
    ) -> Announcement:
        """Announce a model, or unload the current model if `file` is None. Wait until this server has switched."""
        store = self._engine.store
        assistant, parts = None, 0
        if file is not None:
            assistant = await asyncio.to_thread(self.load, file)
            parts = await self._put_parts(file, digest)
        for _ in range(_TRIES):
            value = await store.get_meta(KEY)
            current = decode(value)
            announced = Announcement(
                number=current.number + 1 if current else 1,
                digest=digest,
                parts=parts,
                file=file.name if file else "",
                at=self._engine.leases.now(),
                before=current.digest if current else "",
                etag=etag if source or current is None else current.etag,
                source=source or (current.source if current else ""),
            )
            async with self._lock:
                if await store.swap_meta(KEY, encode(announced), expected=value):
                    self._prepared, self._ready = (announced.number, assistant), announced.number
                    break
        else:
            raise ModelError(
                "model_conflict", "other servers are loading other models at the same time; try again later"
            )
        if file is not None and await store.model_part(digest, 0) is None:  # another server has removed the parts
            await self._put_parts(file, digest)
        await store.keep_models([digest, announced.before])
        await self._follow_to(announced.number)
        return announced

    async def _put_parts(self, file: Path, digest: str) -> int:
        number = 0
        with file.open("rb") as opened:
            while piece := await asyncio.to_thread(opened.read, PART):
                await self._engine.store.put_model_part(digest, number, piece)
                number += 1
        return number

    async def _follow_to(self, number: int) -> None:
        """Wait until this server uses an announced model."""
        while True:
            pause_s = await self._follow()
            if self._number >= number:
                return
            await asyncio.sleep(min(pause_s, PENDING_POLL_S))

    async def _follow(self) -> float:
        """Perform the next step of the switch to the announced model. Return the pause in seconds before the next call.

        Raises:
            ModelError: this server cannot load the announced model and keeps the old one.
        """
        async with self._lock:
            store, now = self._engine.store, self._engine.leases.now
            value = await store.get_meta(KEY)
            announced = decode(value)
            if announced is None or announced.number <= self._number:
                if time.monotonic() - self._reported_at >= REPORT_S:
                    await self._report()
                return POLL_S
            if self._prepared[0] != announced.number:
                await self._prepare(announced)
            if announced.switch_at is None:
                servers = await self._report()
                decided = with_switch(announced, servers, own=self._engine.leases.owner, now=now())
                if decided.switch_at is None:
                    return PENDING_POLL_S
                if not await store.swap_meta(KEY, encode(decided), expected=value):
                    return 0.0
                announced = decided
            wait_s = (announced.switch_at or 0.0) - now()
            if wait_s > 0:
                return wait_s
            await self._switch(announced)
            return POLL_S

    async def _switch(self, announced: Announcement) -> None:
        _, assistant = self._prepared
        await self._swap(assistant)
        self._number, self._prepared, self._refused = announced.number, (announced.number, None), None
        self._has_model = True
        log.info(
            "unloaded the model" if assistant is None else "switched to another model",
            extra={"model": announced.file, "announcement": announced.number},
        )

    async def _prepare(self, announced: Announcement) -> None:
        """Load the announced model without using it.

        If this fails, report this server as ready, so that the others do not wait.
        """
        if self._ready == announced.number and self._refused is not None and time.monotonic() < self._retry_at:
            raise self._refused
        assistant = None
        try:
            if announced.digest:
                assistant = await self._fetch(announced)
        except ModelError as error:
            self._refused, self._ready = error, announced.number
            self._retry_at = time.monotonic() + REFUSED_RETRY_S
            await self._report()
            raise
        self._prepared, self._ready = (announced.number, assistant), announced.number

    async def _fetch(self, announced: Announcement) -> Assistant:
        """Load the announced model file from the folder, or from the store if the folder does not contain it."""
        present = self.folder / announced.file
        if present.is_file() and await asyncio.to_thread(_digest, present) == announced.digest:
            return await asyncio.to_thread(self.load, present)
        with _download_folder(self.folder) as folder:
            file = folder / _file_name(announced.file, announced.digest, self.folder)
            try:
                await self._read_parts(announced, file)
            except OSError as error:
                raise ModelError(
                    "model_not_stored", f"the model {announced.file} cannot be written to {folder}: {error}"
                ) from error
            if await asyncio.to_thread(_digest, file) != announced.digest:
                raise ModelError("model_unusable", f"the file of model {announced.file} in the store is damaged")
            assistant = await asyncio.to_thread(self.load, file)
            await asyncio.to_thread(_keep, file, self.folder, announced.at)
        return replace(assistant, file=announced.file)

    async def _read_parts(self, announced: Announcement, file: Path) -> None:
        """Write an announced model from the store to a file."""
        with file.open("wb") as opened:
            for number in range(announced.parts):
                part = await self._engine.store.model_part(announced.digest, number)
                if part is None:
                    raise ModelError(
                        "model_gone", f"the store does not contain the complete file of model {announced.file}"
                    )
                await asyncio.to_thread(opened.write, part)

    async def _poll(self) -> float:
        """Get a new model from the source, if any. Return the pause before the next poll in seconds."""
        source = self._source
        if source is None or (self._has_pulled and not self._wait_s):
            return REPORT_S
        if self._etag is None:
            current = decode(await self._engine.store.get_meta(KEY))
            if current is not None and current.source == source.name and self._engine.model is not None:
                self._etag = current.etag
        etag = self._etag
        try:
            found = await self.take(lambda to: source.pull(to, etag), source=source.name)
        except ModelError as error:
            self._source_problem = error
            raise
        self._has_pulled, self._source_problem = True, None
        if found is not None:
            self._etag = found.etag
        return self._wait_s or REPORT_S

    async def _is_wanted(self, announced: Announcement) -> bool:
        """Return whether this server must load the announced model when it starts."""
        self._number = announced.number
        if not announced.digest:
            return False
        local = self._local
        if local is not None:
            if await asyncio.to_thread(_digest, local) == announced.digest and announced.switch_at is not None:
                return False
            if self._source is None and local.stat().st_mtime > announced.at:
                log.warning(
                    "%s is newer than the model %s of the other servers: send PUT /model to make all use one model",
                    local.name,
                    announced.file,
                )
                return False
            if self._source is None:
                log.warning(
                    "using the model %s, which PUT /model loaded after %s was written", announced.file, local.name
                )
        self._number = announced.number - 1
        return True

    async def _report(self) -> dict[str, int]:
        """Report that this server is running.

        Return name → announcement for which it is ready, for all running servers.
        """
        owner = self._engine.leases.owner
        servers = await self._engine.store.report_server(owner, ready=max(self._ready, self._number), for_s=VALID_S)
        self._reported_at = time.monotonic()
        return {name: ready for name, ready in servers.items() if name == owner or not is_dead(name)}


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError("model_unusable", f"the model {path} cannot be read: {error}") from error


def _file_name(name: str, digest: str, folder: Path) -> str:
    """Return a safe file name for a model. No other model in the folder has this name."""
    name = name.replace("\\", "/").rpartition("/")[2]
    if not _NAME.fullmatch(name):
        name = f"model-{digest[:12]}.tar.gz"
    present = folder / name
    if present.exists() and _digest(present) != digest:
        name = f"{name.removesuffix('.tar.gz')}-{digest[:12]}.tar.gz"
    return name


@contextlib.contextmanager
def _download_folder(folder: Path) -> Iterator[Path]:
    """Create a folder for a download in the folder of models or, if that fails, in the system's temporary folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=_FOLDER, dir=folder)
    except OSError:
        made = tempfile.mkdtemp(prefix="manent-model-")
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _keep(file: Path, folder: Path, at: float) -> None:
    """Move a downloaded file to the folder of models, where the server finds it at the next start."""
    try:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        os.utime(file, (at, at))
        file.rename(folder / file.name)
    except OSError as error:
        log.warning(
            "the model %s could not be moved to %s, so it is downloaded again at the next start: %s",
            file.name,
            folder,
            error,
        )


def _remove_old_downloads(folder: Path) -> None:
    """Remove the download folders that killed servers have left behind."""
    for found in folder.glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):
            if found.stat().st_mtime < time.time() - 2 * DOWNLOAD_TIMEOUT_S:
                shutil.rmtree(found)
