"""The stream of server-sent events, with which an open page of the desk stays up to date."""

import time
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from manent.core.errors import ManentError
from manent.desk.access import RIGHTS
from manent.desk.desk import Desk
from manent.desk.feed import Page
from manent.desk.identity import Person
from manent.server.api.desk.serving import client_address

WAIT_S: Final = 1.0
"""Interval at which a stream checks whether the server is about to stop."""

CHECK_S: Final = 3.0
"""Interval at which a stream checks whether its person may still use the desk."""

HEARTBEAT_S: Final = 15.0
"""Longest silence of a stream, so that no proxy closes it."""

RETRY_MS: Final = 1_000
"""Time after which a browser connects again."""

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventRequests:
    """The request `/events`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def follow(self, request: Request, person: Person) -> Response:
        """Return the stream. `Last-Event-ID`, or `cursor` in the query, continues an earlier one."""
        cursor = request.headers.get("last-event-id") or request.query_params.get("cursor") or None
        return StreamingResponse(self._stream(request, person, cursor), media_type="text/event-stream", headers=HEADERS)

    async def _stream(self, request: Request, person: Person, cursor: str | None) -> AsyncIterator[bytes]:
        member = person.member
        page = Page(member.operator, handles="handle" in RIGHTS[member.role])
        checked = sent = time.monotonic()
        feed, engine = self.desk.feed, self.desk.conversations.engine
        yield f"retry: {RETRY_MS}\n\n".encode()
        try:
            for news in await feed.join(page, cursor):
                yield news.encode()
            while not (page.is_closed or engine.is_closing or page.was_too_slow):
                found = await page.take(within_s=WAIT_S)
                now = time.monotonic()
                if now - checked > CHECK_S:
                    if not await self._may_follow(request):
                        return
                    checked = now
                if found:
                    yield b"".join(news.encode() for news in found)
                    sent = now
                elif now - sent > HEARTBEAT_S:
                    yield b": \n\n"
                    sent = now
        finally:
            feed.leave(page)

    async def _may_follow(self, request: Request) -> bool:
        try:
            person = await self.desk.identity.person(request.headers, request.cookies, client_address(request))
        except ManentError:
            return False
        return "read" in RIGHTS[person.member.role]
