"""Returns to the bot the conversations that no operator takes in time (`desk: {queue_timeout: N}`).

`server/app.py` opens and closes this task. Several servers can run it on one store, because only one of them can append
the event.
"""

import logging

from manent.core.errors import ManentError
from manent.runtime import handling
from manent.runtime.conversation.registry import Conversations
from manent.runtime.loops import Loop

log = logging.getLogger("manent.desk")

INTERVAL_S = 5.0
PAGE = 100
_SECONDS_PER_MINUTE = 60.0


class QueueTimeouts:
    """Returns conversations to the bot when they have waited too long in the queue.

    Open it after the registry and close it before the registry.

    Args:
        conversations: all conversations.
        minutes: minutes after which a conversation returns to the bot. None: never.
    """

    def __init__(self, conversations: Conversations, minutes: float | None) -> None:
        self._conversations = conversations
        self._minutes = minutes
        self._loop = Loop("queue_timeouts", self._round, metrics=conversations.engine.metrics)

    async def open(self) -> None:
        """Start, if there is a timeout."""
        if self._minutes is not None:
            self._loop.open()

    async def close(self) -> None:
        """Stop."""
        await self._loop.close()

    async def _round(self) -> float:
        """Return to the bot the conversations that have waited too long.

        Return the pause until the next round in seconds.
        """
        engine = self._conversations.engine
        waiting_s = (self._minutes or 0.0) * _SECONDS_PER_MINUTE
        after = ""
        while not engine.is_closing and engine.model is not None:
            heads = await engine.store.handled("queue", after=after, limit=PAGE)
            for head in heads:
                since = head.handling.waiting_since
                if since is not None and engine.leases.now() - since >= waiting_s:
                    await self._expire(head.sender_id, waiting_s)
            if len(heads) < PAGE:
                break
            after = heads[-1].sender_id
        return INTERVAL_S

    async def _expire(self, sender_id: str, waiting_s: float) -> None:
        try:
            await handling.expire(self._conversations.get(sender_id), waiting_s=waiting_s)
        except ManentError as error:
            extra = {"sender_id": sender_id, "code": error.code, "error": error.message}
            log.warning("could not return a conversation from the queue to the bot; trying again", extra=extra)
