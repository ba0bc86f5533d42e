"""Follows the feed of the store and passes its news to the open pages of the desk, on every server.

The feed has one order for all servers, so the number of a row is a cursor with which a page continues on any of them.
Typing and presence are rows, too: so an operator on one server sees a visitor type who is connected to another one.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Final

import msgspec

from manent.core.events import Json, Operator
from manent.desk.reading import is_shown
from manent.desk.views import head_json, messages_json, row_json
from manent.runtime import handling
from manent.runtime.conversation.registry import Conversations
from manent.runtime.loops import Loop
from manent.runtime.ports.desk import DeskStore, FeedRow, Presence

log = logging.getLogger("manent.desk")

POLL_INTERVAL_S: Final = 0.25
PRESENCE_INTERVAL_S: Final = 2.0
PRESENCE_S: Final = 12.0
"""Time for which a report of presence is valid. It is renewed twice in this time."""

PAGE: Final = 200
MAX_MISSED: Final = 1_000
"""Maximum number of rows that a page may have missed. A page that missed more loads everything again."""

MAX_QUEUE: Final = 500
"""Maximum number of news that wait for a slow page."""

TYPING_INTERVAL_S: Final = 2.0
"""Minimum time between two rows about the same person who types in the same conversation."""

MAX_TYPING: Final = 10_000


class News(msgspec.Struct, frozen=True):
    """One server-sent event.

    Attributes:
        kind: `conversation`, `message`, `presence`, `typing`, `reset`.
        data: its JSON.
        cursor: the position after it. "": it does not move the position.
    """

    kind: str
    data: bytes
    cursor: str

    def encode(self) -> bytes:
        """Return the event as a stream of server-sent events contains it."""
        cursor = f"id: {self.cursor}\n".encode() if self.cursor else b""
        return cursor + f"event: {self.kind}\ndata: ".encode() + self.data + b"\n\n"


class Page:
    """An open page. It receives news until it is closed. `was_too_slow`: news were dropped."""

    def __init__(self, operator: Operator, *, handles: bool) -> None:
        self.operator = operator
        self.handles = handles
        self.viewing: str | None = None
        self.was_too_slow = False
        self.is_closed = False
        self._queue: deque[News] = deque()
        self._wake = asyncio.Event()

    def put(self, news: News) -> None:
        """Add news."""
        if len(self._queue) >= MAX_QUEUE:
            self._queue.clear()
            self.was_too_slow = True
        self._queue.append(news)
        self._wake.set()

    def close(self) -> None:
        """End the stream."""
        self.is_closed = True
        self._wake.set()

    async def take(self, *, within_s: float) -> list[News]:
        """Wait for news, at most for this time, and return them."""
        if not self._queue and not self.is_closed:
            try:
                async with asyncio.timeout(within_s):
                    await self._wake.wait()
            except TimeoutError:
                return []
        self._wake.clear()
        found = list(self._queue)
        self._queue.clear()
        return found


class Feed:
    """The feed on one server. Open it after the store and close it before the store.

    Args:
        conversations: all conversations.
        desk: the tables.
        server: name of this process.

    Attributes:
        present: who has the desk open on any server, as of the last poll.
    """

    def __init__(self, conversations: Conversations, desk: DeskStore, *, server: str) -> None:
        self._conversations = conversations
        self._desk = desk
        self._server = server
        self._pages: list[Page] = []
        self._position: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._typing: dict[tuple[str, str], tuple[bool, float]] = {}
        self._reported: dict[str, tuple[Presence, float]] = {}
        self.present: tuple[Presence, ...] = ()
        metrics = conversations.engine.metrics
        self._loop = Loop("desk_feed", self._poll, metrics=metrics, max_retry_s=1.0)
        self._presence_loop = Loop("desk_presence", self._report, metrics=metrics, max_retry_s=1.0)

    async def open(self) -> None:
        """Start following at the newest row.

        Raises:
            StoreError: the store is not available.
        """
        self._position = (await self._desk.feed_ends())[1]
        self._loop.open()
        self._presence_loop.open()

    async def close(self) -> None:
        """End all streams and stop following."""
        for page in self._pages:
            page.close()
        await self._presence_loop.close()
        await self._loop.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._desk.end_presence(self._server)

    def poll_soon(self) -> None:
        """Poll now, because this server has written to the feed."""
        self._loop.wake()

    @property
    def is_staffed(self) -> bool:
        """Whether anybody who may answer has the desk open, on any server."""
        return any(page.handles for page in self._pages) or bool(self.present)

    async def join(self, page: Page, cursor: str | None) -> list[News]:
        """Add a page. Return the news after its cursor.

        Args:
            page: the page.
            cursor: `id` of the last event that it received. None: it begins now.
        """
        self._pages.append(page)
        position = self._position or 0
        missed: list[News] = []
        if cursor is not None:
            missed = await self._missed(cursor, upto=position)
        missed.append(self._presence(_cursor(position)))
        await self._report()
        return missed

    def leave(self, page: Page) -> None:
        """Remove a page. The other servers learn it from a task, because the request of the page has been cancelled."""
        self._pages.remove(page)
        if all(one.operator.id != page.operator.id for one in self._pages):
            self._start(self._end_presence(page.operator.id), "that an operator has closed the desk")

    async def _end_presence(self, operator_id: str) -> None:
        if any(one.operator.id == operator_id for one in self._pages):
            return  # the page has connected again
        await self._desk.end_presence(self._server, operator_id)
        self._reported.pop(operator_id, None)  # if the page connects again meanwhile, it is reported again
        await self._tell_presence()
        self._presence_loop.wake()

    def view(self, operator_id: str, sender_id: str) -> None:
        """Note which conversation an operator looks at."""
        for page in self._pages:
            if page.operator.id == operator_id and page.viewing != sender_id:
                page.viewing = sender_id
                self._presence_loop.wake()

    def visitor_types(self, sender_id: str, on: bool) -> None:  # noqa: FBT001  # called by `Engine.typing_readers`
        """Show operators that a visitor types. Only if a person handles the conversation or was requested."""
        if self.present or self._pages:
            self._start(self._tell_typing(sender_id, on=on, operator=None), "that a visitor types")

    async def operator_types(self, sender_id: str, operator: Operator, *, on: bool) -> None:
        """Show the visitor and the other operators that an operator types."""
        await self._tell_typing(sender_id, on=on, operator=operator)

    async def _tell_typing(self, sender_id: str, *, on: bool, operator: Operator | None) -> None:
        key = (sender_id, operator.id if operator is not None else "")
        now = time.monotonic()
        was_on, since = self._typing.get(key, (False, float("-inf")))
        if was_on == on and (not on or now - since < TYPING_INTERVAL_S):
            return
        if len(self._typing) >= MAX_TYPING:
            self._typing.clear()
        self._typing[key] = (on, now)
        if operator is None:
            head = await self._conversations.engine.store.head(sender_id)
            if head is None or head.handling.handler == "bot":
                return
        data: Json = {"on": on}
        if operator is not None:
            data["operator"] = msgspec.to_builtins(operator)
        await self._desk.tell([FeedRow(kind="typing", time=time.time(), sender_id=sender_id, data=data)])
        self.poll_soon()

    def _start(self, work: Awaitable[None], what: str) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception:  # both are only hints, but the reason must be visible
                log.exception("could not write to the feed %s", what)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll(self) -> float:
        assert self._position is not None  # noqa: S101  # `open` sets it
        rows = await self._desk.feed(after=self._position, limit=PAGE)
        for row in rows:
            if row.kind == "typing":
                self._pass_typing(row)
        if any(row.kind == "presence" for row in rows):
            self._presence_loop.wake()
        if rows:
            news = await self._news(rows) if self._pages else []
            self._position = rows[-1].number
            for page in self._pages:
                for one in news:
                    page.put(one)
        return 0.0 if len(rows) == PAGE else POLL_INTERVAL_S

    def _pass_typing(self, row: FeedRow) -> None:
        """Show visitors on this server that an operator types."""
        if "operator" in row.data:
            for conversation in self._conversations.followed([row.sender_id]):
                handling.typing(conversation, on=bool(row.data.get("on")))

    async def _missed(self, cursor: str, *, upto: int) -> list[News]:
        after = _number(cursor)
        oldest, newest = await self._desk.feed_ends()
        if after is None or not oldest - 1 <= after <= newest:
            return [_reset(_cursor(upto))]
        rows = await self._desk.feed(after=after, limit=MAX_MISSED + 1)
        rows = [row for row in rows if row.number <= upto]
        if len(rows) > MAX_MISSED:
            return [_reset(_cursor(upto))]
        return await self._news([row for row in rows if row.kind not in ("typing", "presence")])

    async def _news(self, rows: Sequence[FeedRow]) -> list[News]:
        """Return the events for rows of the feed. Of several changes of one conversation, only the newest is sent."""
        news: list[News] = []
        newest = {(row.kind, row.sender_id): row.number for row in rows}
        changed = {row.sender_id for row in rows if row.kind in ("message", "conversation")}
        listed = await self._desk.rows(changed) if changed else {}
        for row in rows:
            cursor = _cursor(row.number)
            match row.kind:
                case "message":
                    entries = await self._conversations.engine.store.entries(
                        row.sender_id, after=row.first - 1, limit=row.last - row.first + 1
                    )
                    files = self._conversations.engine.files
                    new = [entry for entry in entries if is_shown(entry)]
                    messages = messages_json(new, files.link if files is not None else None)
                    data: Json = {"sender_id": row.sender_id, "messages": messages}
                    if (conversation := listed.get(row.sender_id)) is not None:
                        data["epoch"] = conversation.epoch
                        if newest[row.kind, row.sender_id] == row.number:
                            data["conversation"] = row_json(conversation)
                    news.append(_event("message", data, cursor))
                case "conversation" if newest[row.kind, row.sender_id] == row.number:
                    head = await self._conversations.engine.store.head(row.sender_id)
                    if head is not None and row.sender_id in listed:
                        data = {"head": head_json(head), "conversation": row_json(listed[row.sender_id]),
                                "from": row.data.get("from"), "to": row.data.get("to")}  # fmt: skip
                        news.append(_event("conversation", data, cursor))
                case "gone":
                    news.append(_event("conversation", {"sender_id": row.sender_id, "gone": True}, cursor))
                case "typing":
                    news.append(_event("typing", {"sender_id": row.sender_id, **row.data}, cursor))
                case "presence" | "bridge":
                    pass
        return news

    async def _report(self) -> float:
        """Report who has a page open here, and read who has one open elsewhere."""
        now = time.time()
        here = {page.operator.id: page for page in self._pages if page.handles}
        for page in here.values():
            report = Presence(server=self._server, operator=page.operator, viewing=page.viewing)
            known, at = self._reported.get(page.operator.id, (None, 0.0))
            if known != report or now - at > PRESENCE_S / 3:
                self._reported[page.operator.id] = (report, now)
                await self._desk.report_presence(msgspec.structs.replace(report, until=now + PRESENCE_S))
                if known != report:
                    await self._tell_presence()
        before = [(one.operator, one.viewing) for one in self.present]
        self.present = tuple(await self._desk.present(now=now))
        if before != [(one.operator, one.viewing) for one in self.present]:
            self._notify_presence()
        return PRESENCE_INTERVAL_S

    async def _tell_presence(self) -> None:
        """Let the other servers read who is present now. Without this, they do so every `PRESENCE_INTERVAL_S`."""
        await self._desk.tell([FeedRow(kind="presence", time=time.time())])

    def _notify_presence(self) -> None:
        for page in self._pages:
            page.put(self._presence(""))

    def _presence(self, cursor: str) -> News:
        operators: dict[str, Json] = {}
        for one in self.present:
            shown: Json = msgspec.to_builtins(one.operator)
            operators.setdefault(one.operator.id, shown)
            if one.viewing is not None:
                operators[one.operator.id]["viewing"] = one.viewing
        return _event("presence", {"operators": list(operators.values())}, cursor)


def _event(kind: str, data: Json, cursor: str) -> News:
    return News(kind, msgspec.json.encode(data, enc_hook=str), cursor)


def _reset(cursor: str) -> News:
    return _event("reset", {}, cursor)


def _cursor(number: int) -> str:
    return f"{number:x}"


def _number(cursor: str) -> int | None:
    try:
        return int(cursor, 16) if len(cursor) <= 16 else None  # noqa: PLR2004  # digits of a 64-bit number
    except ValueError:
        return None
