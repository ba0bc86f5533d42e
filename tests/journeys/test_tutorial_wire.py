"""What plain Socket.IO pages send, and should not: every request is answered, and the connection stays."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import socketio
import yaml

from support import newsletter
from support.once import trained
from support.processes import Server

Serve = Callable[..., Server]


class PlainPage:
    """A Socket.IO client that notes what it hears."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        for event in ("session_confirm", "bot_uttered", "error"):
            self.client.on(event, self._noting(event))

    def _noting(self, event: str) -> Callable[[Any], Any]:
        async def note(data: Any) -> None:
            await self.heard.put((event, data))

        return note

    async def next(self) -> tuple[str, Any]:
        """Return what is heard next."""
        return await asyncio.wait_for(self.heard.get(), 30)

    async def replies(self, count: int) -> list[Any]:
        """Return the next so many replies of the bot."""
        found = [await self.next() for _ in range(count)]
        assert {event for event, _ in found} == {"bot_uttered"}, found
        return [data for _, data in found]


@pytest.fixture
async def plain() -> AsyncIterator[Callable[[Server], Any]]:
    """Connects plain pages, and disconnects them at the end."""
    pages: list[PlainPage] = []

    async def connect(server: Server) -> PlainPage:
        page = PlainPage()
        await page.client.connect(f"http://127.0.0.1:{server.port}", transports=["websocket"])
        pages.append(page)
        return page

    yield connect
    for page in pages:
        await page.client.disconnect()


def configured(project: Path, **options: object) -> Path:
    """Set Socket.IO options of a project."""
    section = {"user_message_evt": "user_uttered", "bot_message_evt": "bot_uttered"} | options
    (project / "credentials.yml").write_text(yaml.safe_dump({"rest": None, "socketio": section}))
    return project


async def test_a_wrong_session_id_gets_an_error(project: Path, serve: Serve, plain: Callable[[Server], Any]) -> None:
    """Numbers and other things that are no id are refused aloud, and the next request on the connection is served."""
    server = serve(configured(project, session_persistence=True))
    wrong_ids: list[object] = [5, 0, "", 1.5, True, ["a"], {"a": 1}, "x" * 100_000]

    for wrong in wrong_ids:
        page = await plain(server)
        await page.client.emit("session_request", {"session_id": wrong})
        event, told = await page.next()
        await page.client.emit("user_uttered", {"message": "hello", "session_id": wrong})
        second_event, second_told = await page.next()
        await page.client.emit("session_request", {"session_id": "a good one"})

        assert (event, second_event) == ("error", "error"), wrong
        assert told["code"] == second_told["code"] == "bad_session_id"
        assert told["message"]
        assert await page.next() == ("session_confirm", "a good one")


async def test_without_persistence(project: Path, serve: Serve, plain: Callable[[Server], Any]) -> None:
    """`session_persistence: false`: a conversation for each connection, whatever the page calls it."""
    server = serve(configured(project, session_persistence=False))
    first, second = await plain(server), await plain(server)
    for page in (first, second):
        await page.client.emit("session_request", {"session_id": "shared"})
        assert (await page.next())[0] == "session_confirm"

    await first.client.emit("user_uttered", {"message": "hello there", "session_id": "shared"})

    assert (await first.replies(1))[0]["text"].startswith("Hello there!")
    await asyncio.sleep(0.3)
    assert second.heard.empty()


async def test_unknown_and_empty_messages_are_answered(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, serve: Serve, plain: Callable[[Server], Any]
) -> None:
    """Nobody who says nothing, or nothing sensible, is left alone."""
    example = trained(newsletter.EXAMPLE, tmp_path_factory)
    server = serve(newsletter.copied(example, tmp_path / "project", actions="http://127.0.0.1:9/"))

    for number, message in enumerate(["", "   ", "qwx zzyv plonk", "/no_such_intent"]):
        page = await plain(server)
        await page.client.emit("session_request", {"session_id": f"ada {number}"})
        assert await page.next() == ("session_confirm", f"ada {number}")

        await page.client.emit("user_uttered", {"message": message, "session_id": f"ada {number}"})

        event, data = await page.next()
        assert event in ("bot_uttered", "error"), message
        assert data.get("text") or data.get("message")
