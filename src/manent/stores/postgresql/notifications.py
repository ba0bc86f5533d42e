"""Wake-ups between servers on one PostgreSQL database: who wrote to which conversation, by NOTIFY.

Told in transactions of their own, on a connection of their own, after the commits that they are about: a NOTIFY inside
an append would have all appends of the database commit one after the other. So a wake-up may be lost, when its server
dies in between or the connection is down; whoever listens looks for itself now and then.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

import asyncpg
import msgspec

log = logging.getLogger("manent.store")

GATHER_S: Final = 0.01
"""How long what is to be told is gathered: at most a hundred transactions a second, whatever the load."""

RECONNECT_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 10.0

_LONGEST: Final = 7_000
"""Bytes of conversations in one notification; PostgreSQL takes 8000."""


class Bulletin:
    """Tells other servers, and hears from them, while it is open.

    Args:
        dsn: of the database.
        channel: what the notifications are sent under.
    """

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._untold: set[str] = set()
        self._unheard: set[str] = set()
        self._missed = True
        self._own_pid = 0
        self._telling = asyncio.Event()
        self._hearing = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def tell(self, sender_id: str = "") -> None:
        """Let the other servers know that something was committed here; "": no conversation's."""
        self._untold.add(sender_id)
        self._telling.set()

    async def hear(self, *, within_s: float) -> frozenset[str] | None:
        """See `ConversationStore.news`; None also when nothing was heard in time, for it may have been lost."""
        try:
            async with asyncio.timeout(within_s):
                await self._hearing.wait()
        except TimeoutError:
            return None
        self._hearing.clear()
        heard, self._unheard = frozenset(self._unheard), set()
        missed, self._missed = self._missed, False
        return None if missed or "" in heard else heard

    async def close(self) -> None:
        """Tell what is still to be told, then stop."""
        for _ in range(50):
            if not self._untold:
                break
            await asyncio.sleep(GATHER_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._talk()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.info("no notifications between servers", extra={"error": str(error)})
            self._missed = True
            await asyncio.sleep(RECONNECT_S)

    async def _talk(self) -> None:
        """Listen and tell on one connection, until it breaks."""
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=CONNECT_TIMEOUT_S,
            server_settings={"application_name": "manent news", "synchronous_commit": "off"},
        )
        try:
            self._own_pid = connection.get_server_pid()
            await connection.add_listener(self._channel, self._hear)
            connection.add_termination_listener(lambda _: self._telling.set())
            self._hearing.set()  # what was written until now may have been missed
            while not connection.is_closed():
                await self._telling.wait()
                self._telling.clear()
                untold, self._untold = self._untold, set()
                await connection.execute(
                    "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                    self._channel,
                    list(_payloads(untold)),
                )
                await asyncio.sleep(GATHER_S)
        finally:
            connection.terminate()

    def _hear(self, _: Any, pid: int, channel: str, payload: object) -> None:
        del channel
        if pid != self._own_pid:
            self._unheard.update(msgspec.json.decode(str(payload), type=list[str]))
            self._hearing.set()


def _payloads(sender_ids: Iterable[str]) -> Iterator[str]:
    """Yield JSON arrays that are short enough."""
    part: list[str] = []
    size = 0
    for sender_id in sender_ids:
        length = len(msgspec.json.encode(sender_id)) + 1
        if part and size + length > _LONGEST:
            yield msgspec.json.encode(part).decode()
            part, size = [], 0
        part.append(sender_id)
        size += length
    if part:
        yield msgspec.json.encode(part).decode()
