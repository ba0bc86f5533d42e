"""A process that appends to a SQLite store and writes down each acknowledgement: the subject of the power-loss tests.

    python store_load.py FILE ACKNOWLEDGEMENTS APPENDERS TURNS SYNCHRONOUS WRITER

`SYNCHRONOUS` other than FULL is the mutation that the tests must catch. `WRITER` is `thread`, or `process`: a process
of its own writes from the first append on.
"""

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

from manent.stores.sqlite import checkpointer, connection
from manent.stores.sqlite import file as database_file
from manent.stores.sqlite import store as store_module
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, turn

checkpointer.COPY_AFTER_BYTES = 60_000  # type: ignore[misc]  # so that short runs see checkpoints, too
checkpointer.TRUNCATE_AFTER_BYTES = 200_000  # type: ignore[misc]
checkpointer.CHECK_AFTER_APPENDS = 4  # type: ignore[misc]


def weaken(synchronous: str) -> None:
    """Open every connection with another `synchronous` than the store asks for."""
    connect = database_file.connect

    def weakened(path: Path, *, durability: str, read_only: bool = False) -> sqlite3.Connection:
        opened = connect(path, durability=durability, read_only=read_only)
        opened.execute(f"PRAGMA synchronous = {synchronous}")
        return opened

    for module in (store_module, database_file, connection):
        vars(module)["connect"] = weakened


async def main(store: SqliteStore, acknowledgements: Path, appenders: int, turns: int) -> None:
    """Append; after each append has returned, write `name version` down."""
    await store.open()
    acks = os.open(acknowledgements, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def one(name: str) -> None:
        head = empty(name)
        for number in range(turns):
            append = turn(head, f"message {number} of {name} " + "long " * 100, message_id=f"{number}")
            await store.append(append)
            head = append.head
            os.write(acks, f"{name} {head.version}\n".encode())

    await asyncio.gather(*(one(f"visitor{n}") for n in range(appenders)))
    await store.close()


if __name__ == "__main__":
    file, acks, appenders, turns, synchronous, writer = sys.argv[1:]
    weaken(synchronous)
    durability = "process" if synchronous == "NORMAL" else "disk"  # all that reaches another process
    store = SqliteStore(Path(file), durability=durability, process_from=1 if writer == "process" else None)
    asyncio.run(main(store, Path(acks), int(appenders), int(turns)))
