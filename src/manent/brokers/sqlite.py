"""The event broker that writes rows to a SQLite file in the table of Rasa's SQL broker: `events`."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from manent.brokers.error_text import describe_error
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing

BUSY_TIMEOUT_S: Final = 5.0

DDL: Final = "CREATE TABLE IF NOT EXISTS events (id INTEGER NOT NULL PRIMARY KEY, sender_id VARCHAR(255), data TEXT)"


class SqliteBroker:
    """Implements `Broker` with a SQLite file, which is opened for each batch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._has_table = False

    async def connect(self) -> None:
        """Create the table if it does not exist."""
        if not self._has_table:
            await self._write([])
            self._has_table = True

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish the messages with one transaction."""
        await self._write([(message.sender_id, message.body.decode()) for message in messages])

    async def close(self) -> None:
        """Do nothing, because the file is not kept open."""

    async def _write(self, rows: Sequence[tuple[str, str]]) -> None:
        try:
            await asyncio.to_thread(_write, self.path, rows)
        except (sqlite3.Error, OSError) as error:
            raise BrokerError("broker_sql", f"cannot write to {self.path}: {describe_error(error)}") from error


def _write(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection, connection:
        connection.execute(DDL)
        connection.executemany("INSERT INTO events (sender_id, data) VALUES (?, ?)", rows)
