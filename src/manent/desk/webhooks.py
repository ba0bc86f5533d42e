"""Sends signed notices to webhooks when a person is requested and when the queue changes.

The notices follow the feed, with a position for each webhook. A notice is sent at least once, in order. If several
servers send the same notice, only the first one that moves the position continues. A repeated notice has the same
`Idempotency-Key`. All webhooks are served at the same time, so a slow one does not delay the others.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from manent.channels.generic import signature
from manent.core.events import Json
from manent.desk.views import head_json
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.desk import DeskStore, FeedRow, Webhook
from manent.runtime.ports.store import ConversationStore

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("manent.desk")

INTERVAL_S: Final = 1.0
TURN_S: Final = 1.0
"""Time after which a round sends no further notice to a webhook, because the other webhooks wait for its end."""

TIMEOUT_S: Final = 10.0
PAGE: Final = 100
RETRY_S: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Pauses after failed attempts. The last one is repeated."""

OK_BELOW: Final = 300


class Notices:
    """Sends the notices. Open it after the store and close it before the store.

    Args:
        store: contains the logs.
        desk: the tables with the webhooks and the feed.
        open_session: returns the HTTP client, which connects to allowed addresses only.
        metrics: counts failed rounds.
    """

    def __init__(
        self,
        store: ConversationStore,
        desk: DeskStore,
        open_session: Callable[[], "aiohttp.ClientSession"],
        *,
        metrics: Metrics | None = None,
    ) -> None:
        self._store = store
        self._desk = desk
        self._open_session = open_session
        self._session: aiohttp.ClientSession | None = None
        self._loop = Loop("desk_webhooks", self._round, metrics=metrics or Metrics())

    async def open(self) -> None:
        """Start sending."""
        self._loop.open()

    async def close(self) -> None:
        """Stop. The next start continues."""
        await self._loop.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _round(self) -> float:
        due = [webhook for webhook in await self._desk.webhooks() if webhook.retry_at <= time.time()]
        served = await asyncio.gather(*(self._serve(webhook) for webhook in due), return_exceptions=True)
        for one in served:
            if isinstance(one, BaseException):
                raise one
        return INTERVAL_S if all(served) else 0.0

    async def _serve(self, webhook: Webhook) -> bool:
        """Send the notices after the position of a webhook. Return False if some remain when the time is over."""
        until = time.monotonic() + TURN_S
        rows = await self._desk.feed(after=webhook.position, limit=PAGE)
        for row in rows:
            if time.monotonic() > until:
                return False
            for notice in notices_of(row, webhook.events):
                reason = await self._send(webhook, row, notice)
                if reason is not None:
                    await self._note_failure(webhook, row, reason)
                    return True
            if notices_of(row, webhook.events):
                moved = replace(webhook, position=row.number, failures=0, retry_at=0.0)
                if not await self._desk.move_webhook(moved, expected=webhook.position):
                    return True  # another server has sent it
                webhook = moved
        if rows and rows[-1].number != webhook.position:
            await self._desk.move_webhook(replace(webhook, position=rows[-1].number), expected=webhook.position)
        return True

    async def _note_failure(self, webhook: Webhook, row: FeedRow, reason: str) -> None:
        failures = webhook.failures + 1
        pause = RETRY_S[min(failures, len(RETRY_S)) - 1]
        await self._desk.move_webhook(
            replace(webhook, failures=failures, retry_at=time.time() + pause), expected=webhook.position
        )
        if failures & (failures - 1) == 0:
            extra = {"webhook": webhook.id, "reason": reason, "failures": failures, "number": row.number}
            log.warning("could not send a notice of the desk; trying again", extra=extra)

    async def _send(self, webhook: Webhook, row: FeedRow, notice: Json) -> str | None:
        """Send one notice. Return why it failed, or None."""
        import aiohttp

        head = await self._store.head(row.sender_id)
        if head is not None:
            notice["head"] = head_json(head)
        waiting = await self._store.handled("queue", limit=PAGE)
        body = msgspec.json.encode({**notice, "waiting": len(waiting)}, enc_hook=str)
        headers = {
            "Content-Type": "application/json",
            "X-Manent-Signature": signature(webhook.secret, body, now=time.time()),
            "Idempotency-Key": f"{webhook.id}:{row.number}:{notice['event']}",
        }
        if self._session is None:
            self._session = self._open_session()
        try:
            async with self._session.post(webhook.url, data=body, headers=headers, allow_redirects=False) as answer:
                return None if answer.status < OK_BELOW else f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return type(error).__name__


def notices_of(row: FeedRow, events: tuple[str, ...]) -> list[Json]:
    """Return the notices for a row of the feed, of the kinds that a webhook receives."""
    if row.kind != "conversation" or row.data.get("from") == row.data.get("to"):
        return []
    about: Json = {"sender_id": row.sender_id, "timestamp": row.time}
    found: list[Json] = []
    if row.data.get("to") == "queue" and "reason" in row.data:
        details = {key: row.data[key] for key in ("reason", "priority") if row.data.get(key) is not None}
        found.append({"event": "handoff_requested", **about, **details})
    if "queue" in (row.data.get("from"), row.data.get("to")):
        found.append({"event": "queue", **about, "from": row.data["from"], "to": row.data["to"]})
    return [notice for notice in found if notice["event"] in events]
