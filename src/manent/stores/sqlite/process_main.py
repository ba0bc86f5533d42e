"""The main program of the writing process, which commits batches of appends.

Its arguments are the file and the durability. `sqlite/process.py` starts the process. The standard input of the process
is a socket to the server.

- A request is a length (`LENGTH`) and that many bytes: a list of `AppendRows` in MessagePack. The length 0 requests
  SQLite's `data_version`.
- Each request gets one response (`RESPONSE`), in order. An additional first response signals that the process is ready.
- A batch is one commit, so either all of its appends are written or none. The server's writer then commits the appends
  of a failed batch one by one, to find those that fail.

The process ends when the socket is closed, after it has written the current batch. Stop signals are blocked from the
start. The process imports only a few modules, so it needs 15 MB of memory and starts with 40 ms of CPU time.
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
from manent.stores.sqlite.rows import AppendRows, BulkFailed, insert_conversation, is_first_append, write_rows

LENGTH: Final = Struct("<I")
"""The length of a request in bytes."""

RESPONSE: Final = Struct("<?d")
"""Format of a response: whether the batch was written and the duration in seconds, or True and `data_version`."""

BUSY_TIMEOUT_S: Final = 0.1
"""Seconds to wait for another writer before the batch is rejected. The server's writer waits longer."""


class Batches:
    """Writes batches. It owns the connection."""

    def __init__(self, path: Path, *, durability: str) -> None:
        self._connection = WritingConnection(path, durability=durability, busy_timeout_s=BUSY_TIMEOUT_S)

    def write(self, batch: Sequence[AppendRows]) -> bool:
        """Write appends to different conversations. Return False if nothing was written."""
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
        """Return a number that changes with each commit by another connection, or -1 if SQLite reports an error."""
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
        if found is None and not is_first_append(rows):
            raise BulkFailed
        number = insert_conversation(cursor, rows) if found is None else int(found[0])
        self._connection.remember(rows.sender_id, number)
        return number


def serve(channel: socket.socket, batches: Batches) -> None:
    """Serve requests until the socket is closed."""
    decoder = msgspec.msgpack.Decoder(list[AppendRows])
    requests = channel.makefile("rb")
    channel.sendall(RESPONSE.pack(True, 0.0))
    while len(header := requests.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(header)
        request = requests.read(length)
        if len(request) < length:
            return
        if not request:
            response = RESPONSE.pack(True, batches.data_version())
        else:
            begun = time.perf_counter()
            written = batches.write(decoder.decode(request))
            response = RESPONSE.pack(written, time.perf_counter() - begun)
        channel.sendall(response)


def main(path: str, durability: str) -> None:
    """Serve the socket on standard input."""
    with socket.socket(fileno=0) as channel, contextlib.suppress(ConnectionError):
        serve(channel, Batches(Path(path), durability=durability))


if __name__ == "__main__":
    main(*sys.argv[1:])
