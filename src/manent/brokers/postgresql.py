"""The event broker that writes rows to PostgreSQL, in the table of Rasa's SQL broker: `events(id, sender_id, data)`."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg

from manent.brokers.error_text import describe_error
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing

TIMEOUT_S: Final = 8.0

DDL: Final = "CREATE TABLE IF NOT EXISTS events (id SERIAL PRIMARY KEY, sender_id VARCHAR(255), data TEXT)"
INSERT: Final = """
INSERT INTO events (sender_id, data)
SELECT sender_id, data
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (sender_id, data, number) ORDER BY number
"""


class PostgresqlBroker:
    """Implements `Broker` with one connection. `dsn` is a libpq URL."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Any = None

    async def connect(self) -> None:
        """Connect, and create the table if it does not exist."""
        if self._connection is not None and not self._connection.is_closed():
            return
        try:
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=TIMEOUT_S,
                command_timeout=TIMEOUT_S,
                server_settings={"application_name": "manent event broker"},
            )
            await self._connection.execute(DDL)
        except _ERRORS as error:
            raise self._error(error) from None  # the traceback can contain the address with the password

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish the messages with one statement."""
        names = [message.sender_id.replace("\x00", "�") for message in messages]
        try:
            await self._connection.execute(INSERT, names, [message.body.decode() for message in messages])
        except _ERRORS as error:
            await self.close()
            raise self._error(error) from None

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _error(self, error: BaseException) -> BrokerError:
        password = urlsplit(self._dsn).password
        return BrokerError("broker_sql", describe_error(error, [password and unquote(password)]))


_ERRORS: Final = (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError)
