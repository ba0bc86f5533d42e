"""Runs a bridge to another help desk: decides when which conversation is compared with its counterpart.

One server at a time runs the bridge. It reads the feed of the desk, and compares each conversation that the feed names.
Several conversations are compared at the same time, but no conversation is compared twice at the same time, so its
messages stay in order.

A conversation whose comparison fails does not delay the others. The store contains the time of its next attempt, so
another server continues after a crash. The position in the feed only moves past a row when the conversation of this row
was compared, or when its next attempt is stored.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from manent.core.errors import ManentError
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.channel import SendLater, Undeliverable
from manent.runtime.ports.desk import AuditRecord, Bridge, BridgeLink, DeskStore
from manent.runtime.ports.store import ConversationStore
from manent.runtime.server_name import is_dead

log = logging.getLogger("manent.desk")

INTERVAL_S: Final = 0.5
STANDBY_S: Final = 2.0
HOLD_S: Final = 90.0
"""Time for which a server runs the bridge. Half of it is longer than a request, and it is renewed after this half."""

SWEEP_S: Final = 15.0
"""Time between two comparisons of all waiting and handled conversations, in case a webhook was lost."""

PAGE: Final = 100
MAX_NAMED: Final = 1_000
"""Number of conversations in memory from which on the feed is not read further."""

TOGETHER: Final = 8
"""Number of conversations that are compared at the same time."""

RETRIES_TOGETHER: Final = 4
"""Number of conversations among them whose last comparison failed. So slow failures do not use all places."""

MAX_HANDLED: Final = 1_000
CLOSE_S: Final = 5.0
"""Time for which a server that stops waits for running comparisons."""

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses in seconds after failed comparisons of a conversation. The last one is repeated."""

REFUSED_S: Final = 600.0
"""Pause in seconds after the other help desk has permanently rejected a request about a conversation."""

MAX_RETRY_AFTER_S: Final = 600.0
MAX_LOGGED: Final = 10
"""Number of failing conversations above which failures are only counted, so that an outage does not flood the log."""

_NO_ROW: Final = sys.maxsize
"""Number of a conversation that no row of the feed has named."""


class NotHeld(Exception):
    """This server must not change anything in the other help desk, because another server can run the bridge."""


class BridgeRunner:
    """The runner of one bridge on one server. Open it after the store and close it before the store.

    Args:
        name: name of the bridge.
        store: contains the logs.
        desk: the tables with the feed and the links.
        compare: compares a conversation with its counterpart. The second argument is the conversation's link. It calls
            `check_held` before each change in the other help desk.
        server: name of this process.
        metrics: counts failures and waiting conversations.
    """

    def __init__(
        self,
        name: str,
        store: ConversationStore,
        desk: DeskStore,
        compare: Callable[[str, BridgeLink | None], Awaitable[None]],
        *,
        server: str,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self._store = store
        self._desk = desk
        self._compare = compare
        self._server = server
        self._metrics = metrics
        self._bridge: Bridge | None = None
        self._read = 0
        self._named: dict[str, int] = {}
        self._running: dict[str, tuple[asyncio.Task[None], int]] = {}
        self._failing: dict[str, str] = {}
        self._swept = 0.0
        self._error: Exception | None = None
        self._is_closing = False
        self._loop = Loop(f"desk_{name}", self._round, metrics=metrics)
        self._trouble = f"desk_{name}_conversations"
        metrics.background_failures.setdefault(self._trouble, 0)
        metrics.bridge_waiting = 0

    async def open(self) -> None:
        """Start."""
        self._loop.open()

    async def close(self) -> None:
        """Finish or cancel running comparisons, and let another server continue."""
        self._is_closing = True
        await self._loop.close()
        if self._running:
            await asyncio.wait([task for task, _ in self._running.values()], timeout=CLOSE_S)
        position = self._position()
        await self._drop_all()
        held, self._bridge = self._bridge, None
        if held is not None:
            released = replace(held, server="", until=0.0, position=max(position, held.position))
            await self._desk.move_bridge(released, expected=held)

    def wake(self) -> None:
        """Read the feed soon, because this server has written to it."""
        self._loop.wake()

    def check_held(self) -> None:
        """Check before a change in the other help desk that no other server can run the bridge meanwhile.

        Raises:
            NotHeld: the right of this server to run the bridge ends soon or has ended.
        """
        if self._bridge is None or self._bridge.until - time.time() < HOLD_S / 2:
            raise NotHeld

    async def _round(self) -> float:
        error, self._error = self._error, None
        if error is not None:
            raise error
        if not await self._hold():
            await self._drop_all()
            return STANDBY_S
        is_more = await self._read_feed()
        for sender_id in await self._desk.due_links(self.name, now=time.time(), limit=PAGE):
            self._failing.setdefault(sender_id, "send_later")
            self._name(sender_id, _NO_ROW)
        if time.monotonic() - self._swept > SWEEP_S:
            for handler in ("queue", "human"):
                for head in await self._store.handled(handler, limit=MAX_HANDLED):
                    self._name(head.sender_id, _NO_ROW)
            self._swept = time.monotonic()
        self._start()
        await self._move()
        return 0.0 if is_more else INTERVAL_S

    async def _hold(self) -> bool:
        """Return whether this server runs the bridge. Take it over if no other server does."""
        now = time.time()
        found = self._bridge or await self._desk.bridge(self.name)
        if self._bridge is not None and found.until - now > HOLD_S * 3 / 4:
            return True
        if found.server not in ("", self._server) and found.until > now and not is_dead(found.server):
            return False
        held = replace(found, server=self._server, until=now + HOLD_S)
        if not await self._desk.move_bridge(held, expected=found):
            self._bridge = None
            return False
        if self._bridge is None:
            await self._drop_all()
            self._read = held.position
        self._bridge = held
        return True

    async def _read_feed(self) -> bool:
        """Name the conversations of the next rows. Return whether there can be more rows to read now."""
        if len(self._named) >= MAX_NAMED:
            return False
        rows = await self._desk.feed(after=self._read, limit=PAGE)
        for row in rows:
            if row.kind not in ("typing", "presence"):
                self._name(row.sender_id, row.number)
        if rows:
            self._read = rows[-1].number
        return len(rows) == PAGE

    def _name(self, sender_id: str, number: int) -> None:
        self._named[sender_id] = min(number, self._named.get(sender_id, _NO_ROW))

    def _position(self) -> int:
        """Return the number of the row before the oldest one whose conversation was not compared yet."""
        unfinished = [*self._named.values(), *(number for _, number in self._running.values())]
        return min(self._read, min(unfinished, default=_NO_ROW) - 1)

    async def _move(self) -> None:
        assert self._bridge is not None  # noqa: S101  # it is held
        position = self._position()
        if position <= self._bridge.position:
            return
        moved = replace(self._bridge, position=position)
        self._bridge = moved if await self._desk.move_bridge(moved, expected=self._bridge) else None

    def _start(self) -> None:
        """Start comparisons of named conversations, up to the limits."""
        if self._is_closing or self._bridge is None:
            return
        retries = sum(sender_id in self._failing for sender_id in self._running)
        for sender_id in list(self._named):
            if len(self._running) >= TOGETHER:
                return
            is_retry = sender_id in self._failing
            if sender_id in self._running or (is_retry and retries >= RETRIES_TOGETHER):
                continue
            retries += is_retry
            number = self._named.pop(sender_id)
            self._running[sender_id] = asyncio.create_task(self._run(sender_id, number)), number

    async def _run(self, sender_id: str, number: int) -> None:
        is_done = False
        try:
            is_done = await self._attempt(sender_id)
        except Exception as error:  # noqa: BLE001  # the next round raises it, so it is logged and counted
            self._error = error
        finally:
            del self._running[sender_id]
            if not is_done:
                self._name(sender_id, number)
        if not is_done:
            return
        self._report()
        self._start()
        if not self._named:
            self._loop.wake()

    async def _attempt(self, sender_id: str) -> bool:
        """Compare a conversation, or store when to try it again. Return False if neither was possible.

        Raises:
            StoreError: the store is not available.
        """
        link = await self._desk.link(self.name, sender_id)
        if link is not None and link.retry_at > time.time():
            return True
        try:
            await self._compare(sender_id, link)
        except NotHeld:
            return False
        except Exception as error:  # noqa: BLE001  # logged and counted; the other conversations continue
            await self._postpone(sender_id, link, error)
            return True
        if link is not None and link.failures:
            await self._desk.settle_link(self.name, sender_id)
            extra = {"bridge": self.name, "sender_id": sender_id, "failures": link.failures}
            log.info("a conversation was compared with the other help desk after failures", extra=extra)
        self._failing.pop(sender_id, None)
        return True

    async def _postpone(self, sender_id: str, before: BridgeLink | None, error: Exception) -> None:
        """Store when a conversation is compared again. If this attempt has changed the link, it counts as the first."""
        link = await self._desk.link(self.name, sender_id)
        has_progress = (
            link is not None and before is not None and (link.remote, link.data) != (before.remote, before.data)
        )
        failures = 1 if before is None or has_progress else before.failures + 1
        pause_s = RETRY_S[min(failures, len(RETRY_S)) - 1]
        is_refused = isinstance(error, Undeliverable)
        if is_refused:
            pause_s = REFUSED_S
        elif isinstance(error, SendLater) and error.retry_after is not None:
            pause_s = min(max(pause_s, error.retry_after), MAX_RETRY_AFTER_S)
        await self._desk.postpone_link(self.name, sender_id, failures=failures, retry_at=time.time() + pause_s)
        code = error.code if isinstance(error, ManentError) else type(error).__name__
        self._failing[sender_id] = code
        self._metrics.background_failures[self._trouble] += 1
        if is_refused and failures == 1:
            await self.record(sender_id, "refused", error=str(error).partition(":")[0])
        if failures & (failures - 1) or len(self._failing) > MAX_LOGGED:
            return
        extra = {
            "bridge": self.name,
            "sender_id": sender_id,
            "code": code,
            "error": str(error),
            "failures": failures,
            "pause_s": pause_s,
        }
        if is_refused:
            log.warning("the other help desk rejected a request about a conversation; it is repeated", extra=extra)
        elif isinstance(error, ManentError):
            log.warning("could not compare a conversation with the other help desk; it is tried again", extra=extra)
        else:
            log.error(
                "could not compare a conversation with the other help desk; it is tried again",
                extra=extra,
                exc_info=error if failures == 1 else None,
            )

    async def record(self, sender_id: str, action: str, **detail: str | int) -> None:
        """Add a record about a conversation to the audit, in the name of the bridge."""
        await self._desk.audit(
            AuditRecord(
                time=time.time(),
                member_id=self.name,
                name=self.name.capitalize(),
                action=f"{self.name}:{action}",
                sender_id=sender_id,
                detail=detail,
            )
        )

    def _report(self) -> None:
        """Show in metrics and readiness whether conversations wait after failures. Refused ones are only counted."""
        self._metrics.bridge_waiting = len(self._failing)
        codes = [code for code in self._failing.values() if code != "undeliverable"]
        if codes:
            self._metrics.background_failing[self._trouble] = codes[0]
        else:
            self._metrics.background_failing.pop(self._trouble, None)

    async def _drop_all(self) -> None:
        """Cancel all comparisons. The server that runs the bridge next reads the feed from the stored position."""
        running = [task for task, _ in self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()  # a task that is cancelled before it begins does not remove itself
        self._named.clear()
        self._failing.clear()
        self._report()
