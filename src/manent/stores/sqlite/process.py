"""A process of its own that writes appends, for a server with much to do.

The event loop and a thread that commits share one interpreter. With 32 conversations at once the thread asked for the
interpreter's lock three times a turn, and each asking woke a processor in vain: a quarter of a turn's CPU went into
that. A process has an interpreter of its own. What it writes are whole batches, and only appends; all else, and what
it cannot write, is for the writer's thread (`sqlite/writer.py`). Its side is `process_main.py`.
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
from manent.stores.sqlite.process_main import ANSWER, LENGTH
from manent.stores.sqlite.rows import AppendRows

SERVERS_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a server to end, perhaps the whole of its group or container. The process ends when its server closes it,
which still has things to write then."""


class WritingProcess(asyncio.Protocol):
    """The process, and this end of the socket to it. Used by one event loop."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[asyncio.Future[tuple[bool, float]]] = deque()
        self._received = b""
        self._encoder = msgspec.msgpack.Encoder()
        self._ended = False

    @classmethod
    async def start(cls, path: Path, *, durability: str) -> "WritingProcess":
        """Start it; return when it can write.

        Raises:
            OSError: it could not be started, or ended at once.
        """
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as on_failure, theirs:
            on_failure.callback(ours.close)
            # -P: what lies in the project's folder must not be taken for a module.
            command = [sys.executable, "-P", "-m", process_main.__name__, str(path), durability]
            process = await asyncio.to_thread(_spawn, command, theirs)
            on_failure.pop_all()
        started = cls(process)
        await asyncio.get_running_loop().create_unix_connection(lambda: started, sock=ours)
        try:
            await started._answer()
        except StoreError as error:
            await started.close()
            raise OSError(f"the writing process ended at once with status {process.returncode}") from error
        return started

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    async def write(self, batch: Sequence[AppendRows]) -> tuple[bool, float]:
        """Write appends to different conversations in one commit.

        Returns:
            Whether they were written (else none of them was), and the seconds that took.

        Raises:
            StoreError: `store_io`: the process ended; it is unknown whether they were written.
            TypeError, ValueError, OverflowError: one of them holds what cannot be sent (half of a surrogate pair);
                none was written.
        """
        self._ask(self._encoder.encode(batch))
        return await self._answer()

    async def data_version(self) -> int:
        """Return what is another number after each commit of any other connection.

        Raises:
            StoreError: `store_io`: the process ended meanwhile.
        """
        self._ask(b"")
        _, number = await self._answer()
        return int(number)

    async def close(self) -> None:
        """Let it finish what it has been asked, and end."""
        if self._transport is not None:
            self._transport.close()
        await asyncio.to_thread(self._process.wait)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._received += data
        whole = len(self._received) // ANSWER.size * ANSWER.size
        for answer in ANSWER.iter_unpack(self._received[:whole]):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(cast("tuple[bool, float]", answer))
        self._received = self._received[whole:]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See `asyncio.Protocol`."""
        self._ended = True
        while self._waiting:
            with contextlib.suppress(asyncio.InvalidStateError):
                self._waiting.popleft().set_exception(_gone())

    def _ask(self, question: bytes) -> None:
        if self._ended or self._transport is None:
            raise _gone()
        self._transport.write(LENGTH.pack(len(question)) + question)

    def _answer(self) -> "asyncio.Future[tuple[bool, float]]":
        answer: asyncio.Future[tuple[bool, float]] = asyncio.get_running_loop().create_future()
        if self._ended:
            answer.set_exception(_gone())
        else:
            self._waiting.append(answer)
        return answer


def _spawn(command: Sequence[str], channel: socket.socket) -> "subprocess.Popen[bytes]":
    """Start it with the server's signals blocked: it inherits that, so that none ends it before it has begun."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SERVERS_SIGNALS)  # of this thread only
    try:
        return subprocess.Popen(  # noqa: S603 - our own module under our own Python
            command, stdin=channel.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gone() -> StoreError:
    return StoreError("store_io", "the writing process has ended")
