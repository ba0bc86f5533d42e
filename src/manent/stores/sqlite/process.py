"""Starts the writing process, which commits appends for a server under load, and sends requests to it.

The event loop and a committing thread share one interpreter lock. With 32 concurrent conversations, the thread requests
the lock three times per turn, and each request wakes a processor. This takes a quarter of a turn's CPU time. A separate
process has a separate interpreter lock. The process writes only whole batches of appends. The thread of
`sqlite/writer.py` does all other work, and writes batches that the process rejects. `process_main.py` contains the code
of the process.
"""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from manent.core.errors import StoreError
from manent.stores.sqlite import process_main
from manent.stores.sqlite.process_main import LENGTH, RESPONSE
from manent.stores.sqlite.rows import AppendRows

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that stop a server.

They are often sent to its whole process group or container. The writing process ignores them, because the server still
writes while it stops. The server closes the process afterwards.
"""


class WritingProcess(asyncio.Protocol):
    """The writing process, and the server's socket to this process. Only one event loop may use it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[asyncio.Future[tuple[bool, float]]] = deque()
        self._received = b""
        self._encoder = msgspec.msgpack.Encoder()
        self._ended = False

    @classmethod
    async def start(cls, path: Path, *, durability: str) -> "WritingProcess":
        """Start the process and wait until it can write.

        Raises:
            OSError: the process could not be started, or it ended immediately.
        """
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as on_failure, theirs:
            on_failure.callback(ours.close)
            # -P removes the current folder from sys.path, so that project files cannot replace modules.
            command = [sys.executable, "-P", "-m", process_main.__name__, str(path), durability]
            process = await asyncio.to_thread(_spawn, command, theirs)
            on_failure.pop_all()
        started = cls(process)
        ready = started._response()  # the process can send it before the next line returns
        await asyncio.get_running_loop().create_unix_connection(lambda: started, sock=ours)
        try:
            await ready
        except StoreError as error:
            await started.close()
            raise OSError(f"the writing process exited immediately with status {process.returncode}") from error
        return started

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def write(self, batch: Sequence[AppendRows]) -> tuple[bool, float]:
        """Write appends to different conversations in one commit.

        Returns:
            Whether all appends were written (if not, none was), and the duration in seconds.

        Raises:
            StoreError: `store_io`: the process ended. It is unknown whether the appends were written.
            TypeError, ValueError, OverflowError: an append cannot be encoded, for example because it contains half of a
                surrogate pair. Nothing was written.
        """
        self._send(self._encoder.encode(batch))
        return await self._response()

    async def data_version(self) -> int:
        """Return a number that changes with each commit by another connection.

        Raises:
            StoreError: `store_io`: the process has ended.
        """
        self._send(b"")
        _, number = await self._response()
        return int(number)

    async def close(self) -> None:
        """Close the socket and wait until the process has handled its requests and ended."""
        if self._transport is not None:
            self._transport.close()
        await asyncio.to_thread(self._process.wait)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport, which is used to send requests."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read responses and resolve the futures of their requests."""
        self._received += data
        whole = len(self._received) // RESPONSE.size * RESPONSE.size
        for response in RESPONSE.iter_unpack(self._received[:whole]):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(cast("tuple[bool, float]", response))
        self._received = self._received[whole:]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Fail all waiting requests, because the process has ended."""
        self._ended = True
        while self._waiting:
            with contextlib.suppress(asyncio.InvalidStateError):
                self._waiting.popleft().set_exception(_ended_error())

    def _send(self, request: bytes) -> None:
        if self._ended or self._transport is None:
            raise _ended_error()
        self._transport.write(LENGTH.pack(len(request)) + request)

    def _response(self) -> "asyncio.Future[tuple[bool, float]]":
        response: asyncio.Future[tuple[bool, float]] = asyncio.get_running_loop().create_future()
        if self._ended:
            response.set_exception(_ended_error())
        else:
            self._waiting.append(response)
        return response


def _spawn(command: Sequence[str], channel: socket.socket) -> "subprocess.Popen[bytes]":
    """Start the process with the stop signals blocked.

    The process inherits the signal mask, so these signals cannot end it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # this changes only the mask of this thread
    try:
        return subprocess.Popen(  # noqa: S603 - the command runs a module of Manent with the same Python
            command, stdin=channel.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ended_error() -> StoreError:
    return StoreError("store_io", "the writing process has ended")
