"""Scanners, which check each uploaded file before it is accepted: a program or an HTTP service of the site's owner.

If a scanner fails or is too slow, the file is rejected temporarily (`scanner_failed`), so no unchecked file is
accepted.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import BinaryIO, Final, Protocol

from manent.core.errors import RequestError, StoreError

log = logging.getLogger("manent.files")

REFUSING_STATUS: Final = (403, 406, 422)
PIECE: Final = 1 << 18
MAX_REASON: Final = 500
"""Number of characters of a program's output that are logged."""


class Scanner(Protocol):
    """Checks a file."""

    async def check(self, content: BinaryIO, mime: str) -> None:
        """Check a file, which is read from its beginning.

        Raises:
            RequestError: `file_refused`: the scanner refused the file.
            StoreError: `scanner_failed`: the scanner did not return a result.
        """


class Program:
    """Runs a program for each file. The file is the program's standard input."""

    def __init__(self, command: Sequence[str], *, timeout_s: float) -> None:
        self._command = command
        self._timeout_s = timeout_s

    async def check(self, content: BinaryIO, mime: str) -> None:  # noqa: ARG002  # programs detect the type by the content
        """See `Scanner.check`."""
        content.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=content, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise _failed(f"{self._command[0]}: {error}") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                _, errors = await process.communicate()
        except TimeoutError:
            raise _failed(f"{self._command[0]}: no result within {self._timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == 1:
            raise _refused()
        if process.returncode != 0:
            reason = errors.decode(errors="replace").strip()[:MAX_REASON]
            raise _failed(f"{self._command[0]}: exit code {process.returncode}: {reason}")


class Service:
    """Posts each file to a URL."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s

    async def check(self, content: BinaryIO, mime: str) -> None:
        """See `Scanner.check`."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        headers = {"Content-Type": mime}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url, data=_pieces(content), headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failed(f"the scanner at scan_url: {error or type(error).__name__}") from error
        if status in REFUSING_STATUS:
            raise _refused()
        if not 200 <= status < 300:  # noqa: PLR2004  # the statuses of success
            raise _failed(f"the scanner at scan_url answered with status {status}")


async def _pieces(content: BinaryIO) -> AsyncIterator[bytes]:
    content.seek(0)
    while piece := await asyncio.to_thread(content.read, PIECE):
        yield piece


def make_scanner(command: Sequence[str] | None, url: str | None, *, timeout_s: float) -> Scanner | None:
    """Return the configured scanner, or None if none is configured."""
    if command is not None:
        return Program(command, timeout_s=timeout_s)
    return None if url is None else Service(url, timeout_s=timeout_s)


def _refused() -> RequestError:
    return RequestError("file_refused", "the file was refused by the server's scanner", status=422)


def _failed(reason: str) -> StoreError:
    """Log the reason for the site's owner, and return the error for the client."""
    log.warning("a file could not be scanned, so it is not accepted", extra={"error": reason})
    return StoreError("scanner_failed", "the file could not be checked: try again later")
