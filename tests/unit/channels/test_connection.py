"""One socket's requests in order, and the conversation that it follows, whatever its client speaks."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from manent.channels.socketio import connection as module
from manent.channels.socketio.connection import Connection
from manent.channels.socketio.dialect import Dialect, OtherNews, Request
from manent.channels.socketio.options import SocketIoOptions
from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError, RequestError
from manent.runtime.conversation.feed import Committed, Failed, Moved, Typing
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import Admission, Identity
from manent.runtime.protocol1 import Sessions
from manent.stores.memory import MemoryStore
from support.small_talk import opened, say, until
from unit.channels.sockets import ScriptedSocket


class Noting:
    """A dialect that notes what it is asked, and serves what the test decides."""

    protocol = 0
    asks_for = "session_request"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.served: list[Any] = []
        self.refused: list[str] = []
        self.shown: list[int] = []
        self.news: list[Any] = []
        self.times_left = 0
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    def claims(self, request: Request) -> bool:
        """Claim one kind of request."""
        is_mine: bool = request.event == self.asks_for
        return is_mine

    def speak(self, request: Request) -> Ticket | None:
        """Have every request queued."""
        del request
        return None

    def accepted(self, request: Request, receipt: Any) -> None:
        """Never called: `speak` submits nothing."""
        raise NotImplementedError

    async def serve(self, request: Request) -> None:
        """Note a request, when the gate is open."""
        if self.gate is not None:
            await self.gate.wait()
        self.served.append(request.payload)
        if self.error is not None:
            raise self.error

    def refuse(self, error: ManentError, request: Request) -> None:
        """Note the code."""
        del request
        self.refused.append(error.code)

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Note the numbers."""
        self.shown += [entry.seq for entry in entries]

    def notify(self, news: OtherNews) -> None:
        """Note it."""
        self.news.append(news)

    def ended(self, reason: str) -> None:
        """Note the reason."""
        self.news.append(reason)

    def is_settled(self) -> bool:
        """Everything is confirmed."""
        return True

    def left(self) -> None:
        """Count."""
        self.times_left += 1


class Other(Noting):
    """Another dialect of the same client."""

    protocol = 1
    asks_for = "other_request"


class Parts:
    """A connection with its dialects, over real conversations."""

    def __init__(self, sessions: Sessions, **limits: int) -> None:
        self.sessions = sessions
        for name, value in limits.items():
            object.__setattr__(sessions.conversations.engine.limits, name, value)
        self.socket = ScriptedSocket(is_quick=True)
        self.disconnected = 0
        made: list[Any] = []

        def make(kind: type[Noting]) -> Any:
            def maker(connection: Connection) -> Dialect:
                made.append(kind(connection))
                dialect: Dialect = made[-1]
                return dialect

            return maker

        self.connection = Connection(
            "sid",
            self.socket,
            sessions=sessions,
            options=SocketIoOptions(session_persistence=True),
            dialects=(make(Noting), make(Other)),
            disconnect=self._disconnect,
        )
        self.first: Noting = made[0]
        self.other: Other = made[1]

    async def _disconnect(self, sid: str) -> None:
        assert sid == self.connection.sid
        self.disconnected += 1

    def ask(self, event: Any, payload: Any = None, *, size: int = 1) -> None:
        """Send a request."""
        self.connection.receive(Request(event, payload, None, size))

    def follow(self, sender_id: str = "ada") -> Any:
        """Follow a conversation, and return it."""
        conversation = self.sessions.conversations.get(sender_id)
        self.connection.follow(conversation, Admission(sender_id=sender_id), self.first)
        return conversation


@contextlib.asynccontextmanager
async def connected(identity: Identity | None = None, **limits: int) -> AsyncIterator[Parts]:
    """A connection over an empty store."""
    async with opened(MemoryStore()) as conversations:
        yield Parts(Sessions(conversations, identity or Identity()), **limits)


async def test_requests_are_served_one_at_a_time_in_order() -> None:
    """The next request begins when the one before is done."""
    async with connected() as parts:
        parts.first.gate = asyncio.Event()
        for number in range(5):
            parts.ask("say", number)
        await asyncio.sleep(0.02)
        assert parts.first.served == []
        parts.first.gate.set()
        await until(lambda: len(parts.first.served) == 5)

    assert parts.first.served == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("size", "limit"), [(1, 3), (3_000_000, 100)])
async def test_too_many_waiting_requests_are_refused(size: int, limit: int) -> None:
    """The queue is bounded in requests and in characters; those beyond it are refused, the others are served."""
    async with connected(waiting_per_socket=limit) as parts:
        parts.first.gate = asyncio.Event()
        parts.ask("say", "served", size=size)
        await asyncio.sleep(0)
        for number in range(5):
            parts.ask("say", number, size=size)
        parts.first.gate.set()
        await until(lambda: len(parts.first.served) == 4)

    assert parts.first.served == ["served", 0, 1, 2]
    assert parts.first.refused == ["busy", "busy"]


async def test_a_failing_request_is_refused_and_the_next_served(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal has its code; a fault of ours is logged with a traceback and answered without details."""
    async with connected() as parts:
        for error in (RequestError("forbidden", "no"), KeyError("ours")):
            parts.first.error = error
            parts.ask("say")
            await until(lambda: not parts.connection._queue and parts.connection._worker is None)
        parts.first.error = None
        parts.ask("say", "last")
        await until(lambda: parts.first.served[-1:] == ["last"])

    assert parts.first.refused == ["forbidden", "internal_error"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == ["request failed"]


async def test_a_request_goes_to_the_dialect_that_claims_it() -> None:
    """Only following changes the current dialect; a claimed request does not, by itself."""
    async with connected() as parts:
        parts.ask("say", 1)
        parts.ask("other_request", 2)
        parts.ask("say", 3)
        await until(lambda: len(parts.first.served) == 2)
        conversation = parts.sessions.conversations.get("ada")
        parts.connection.follow(conversation, Admission(sender_id="ada"), parts.other)
        parts.ask("say", 4)
        parts.ask("session_request", 5)
        await until(lambda: len(parts.first.served) == 3)

    assert (parts.first.served, parts.other.served) == ([1, 3, 5], [2, 4])


async def test_what_is_committed_while_joining_is_held_and_sent_once() -> None:
    """Entries at or below the joined version are dropped, those above it are shown after the answer, none twice."""
    async with connected() as parts:
        conversations = parts.sessions.conversations
        await say(conversations, "hello")
        conversation = parts.follow()
        page = await conversations.engine.store.after("ada", 0, limit=50)
        assert page is not None
        before = [entry.seq for entry in page.entries]
        await say(conversations, "count")
        assert parts.first.shown == []
        parts.connection.continue_from(page.head.version)
        held = list(parts.first.shown)
        parts.connection.notify(Committed(page.entries))
        await say(conversations, "hello")

        assert conversation.subscribers == [parts.connection]
    assert held
    assert min(held) > max(before)
    assert parts.first.shown == sorted(set(parts.first.shown))
    assert len(parts.first.shown) == 2 * len(held)


async def test_a_request_that_fails_while_joining_leaves() -> None:
    """Nothing is collected for a socket whose request to join was refused."""
    async with connected() as parts:

        async def serve(_: Request) -> None:
            parts.follow()
            raise RequestError("forbidden", "no")

        parts.first.serve = serve  # type: ignore[assignment,method-assign]
        parts.ask("session_request")
        await until(lambda: bool(parts.first.refused))
        await say(parts.sessions.conversations, "hello")

        assert parts.connection.conversation is None
        assert parts.sessions.conversations.get("ada").subscribers == []
        assert parts.first.shown == []


async def test_following_another_conversation_leaves_the_first() -> None:
    """A socket follows one conversation at a time; both dialects forget what belongs to the first."""
    async with connected() as parts:
        first = parts.follow("ada")
        parts.connection.continue_from(7)
        parts.follow("ada")
        left_once = parts.first.times_left
        cursor = parts.connection.cursor
        other = parts.follow("bob")

        assert (first.subscribers, other.subscribers) == ([], [parts.connection])
        assert (cursor, parts.connection.cursor) == (7, 0)
        assert parts.first.times_left == parts.other.times_left == left_once + 1
        parts.connection.close()
        assert other.subscribers == []


@pytest.mark.parametrize(
    ("identity", "reason", "stays"),
    [
        (Identity(mode="open"), "erased", True),
        (Identity(mode="open", guards_owned=True), "erased", False),
        (Identity(mode="jwt"), "erased", False),
        (Identity(mode="jwt"), "claimed", False),
        (Identity(mode="open"), "reset", True),
    ],
)
async def test_a_conversation_that_may_be_somebody_elses_is_left(
    identity: Identity, reason: str, *, stays: bool
) -> None:
    """The client receives the news. If the conversation can have another owner now, the socket must join again."""
    async with connected(identity) as parts:
        parts.follow()
        parts.connection.continue_from(5)
        news = Moved({"reason": reason, "session_id": "ada", "epoch": "e"})
        parts.connection.notify(news)

        assert parts.first.news == [news]
        assert (parts.connection.conversation is not None) is stays
        assert parts.connection.cursor == 0


async def test_news_go_to_the_current_dialect() -> None:
    """Typing, moves and failures are the current dialect's to show; a socket that joins is not told of moves."""
    async with connected() as parts:
        parts.follow()
        typing, failed = Typing(on=True), Failed(RequestError("late", "x"), "m", 4)
        for news in (typing, Moved({"reason": "reset"}), failed):
            parts.connection.notify(news)

    assert parts.first.news == [typing, failed]
    assert parts.other.news == []


def test_limits_of_timers_are_sane() -> None:
    """A socket is warned before its end, and no timer waits longer than the event loop can."""
    assert 0 < module.MIN_TIMER_S < module.WARN_BEFORE_S < module.MAX_TIMER_S <= 24 * 3600
