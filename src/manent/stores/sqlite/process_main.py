"""The process that writes appends for a server with much to do; started with the file and its durability.

`sqlite/process.py` starts it and talks to it over a socket that is its standard input. A question is its length and
a list of `AppendRows` in MessagePack (a length of 0 asks for SQLite's `data_version`); an answer is `ANSWER`, in the
order of the questions, and one before the first of them: ready. A batch is written as a whole, in one commit, or not
at all: what fails is for the server's own writer to find out, which does each piece alone.

It ends when the socket does, so it never outlives its server by more than the batch in hand; what asks a server to end
is blocked here from the start. It loads little more than SQLite: 15 MB, 40 ms of CPU.
"""

import contextlib
import socket
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from manent.stores.sqlite.connection import WritingConnection
from manent.stores.sqlite.rows import AppendRows, BulkFailed, expects_nothing, make_place, write_rows

LENGTH: Final = Struct("<I")
"""Of a question, in bytes."""

ANSWER: Final = Struct("<?d")
"""Whether it is done, and seconds it took; or True and `data_version`."""

BUSY_TIMEOUT_S: Final = 0.1
"""How long another writer is waited for before a batch is refused. The server's own writer then waits longer."""


class Batches:
    """Owns a writing connection; writes batches."""

    def __init__(self, path: Path, *, durability: str) -> None:
        self._connection = WritingConnection(path, durability=durability, busy_timeout_s=BUSY_TIMEOUT_S)

    def write(self, batch: Sequence[AppendRows]) -> bool:
        """Write appends to different conversations; False when nothing was written."""
        try:
            cursor = self._connection.get().cursor()
            cursor.execute("BEGIN IMMEDIATE")
            write_rows(cursor, [(self._number(cursor, rows), rows) for rows in batch])
            cursor.execute("COMMIT")
        except (BulkFailed, sqlite3.Error, UnicodeError, OverflowError):
            self._connection.discard()
            return False
        return True

    def data_version(self) -> int:
        """Return a number that changes with each commit of another connection; -1 when it cannot be read."""
        try:
            return self._connection.data_version()
        except sqlite3.Error:
            self._connection.discard()
            return -1

    def _number(self, cursor: sqlite3.Cursor, rows: AppendRows) -> int:
        number = self._connection.known.get(rows.sender_id)
        if number is not None:
            return number
        found = cursor.execute("SELECT id FROM conversations WHERE sender_id = ?", (rows.sender_id,)).fetchone()
        if found is None and not expects_nothing(rows):
            raise BulkFailed
        number = make_place(cursor, rows) if found is None else int(found[0])
        self._connection.remember(rows.sender_id, number)
        return number


def serve(channel: socket.socket, batches: Batches) -> None:
    """Answer questions until the socket is closed."""
    decoder = msgspec.msgpack.Decoder(list[AppendRows])
    questions = channel.makefile("rb")
    channel.sendall(ANSWER.pack(True, 0.0))
    while len(header := questions.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(header)
        question = questions.read(length)
        if len(question) < length:
            return
        if not question:
            answer = ANSWER.pack(True, batches.data_version())
        else:
            begun = time.perf_counter()
            written = batches.write(decoder.decode(question))
            answer = ANSWER.pack(written, time.perf_counter() - begun)
        channel.sendall(answer)


def main(path: str, durability: str) -> None:
    """Serve on the standard input."""
    with socket.socket(fileno=0) as channel, contextlib.suppress(ConnectionError):
        serve(channel, Batches(Path(path), durability=durability))


if __name__ == "__main__":
    main(*sys.argv[1:])
