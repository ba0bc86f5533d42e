"""The bridge to Chatwoot: messages in both directions once each, and the handler beside the status."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.core.events import AgentUttered
from manent.desk import chatwoot as bridge
from support.chatwoot import ADA, BOB, Chatwoot, Remote, signed
from support.desks import operator, visit
from support.small_talk import Running, running, until

WEBHOOK = "/desk/api/v1/bridges/chatwoot"


@dataclass
class Shop:
    """A server, and the Chatwoot that it is connected to."""

    server: Running
    chatwoot: Chatwoot

    async def handler(self, sender: str = "vera") -> str:
        """Return who handles a conversation."""
        head = await self.server.conversations.engine.store.head(sender)
        assert head is not None
        return head.handling.handler

    async def agents(self, sender: str = "vera") -> list[tuple[str, str]]:
        """Return the operators' messages in the log."""
        entries = await self.server.conversations.engine.store.entries(sender)
        said = [entry.event for entry in entries if isinstance(entry.event, AgentUttered)]
        return [(one.operator.name if one.operator else "", one.text or "") for one in said]

    async def handled_by(self, handler: str, sender: str = "vera") -> None:
        """Wait until a conversation has this handler."""
        async with asyncio.timeout(30):
            while await self.handler(sender) != handler:  # noqa: ASYNC110  # the bridge changes it
                await asyncio.sleep(0.01)

    async def said(self, count: int) -> None:
        """Wait until the log has this number of messages of operators."""
        async with asyncio.timeout(30):
            while len(await self.agents()) < count:  # noqa: ASYNC110  # the bridge adds them
                await asyncio.sleep(0.01)

    async def quiet(self) -> None:
        """Wait until neither side changes during two comparisons of everything."""
        before = (-1, -1)
        async with asyncio.timeout(30):
            while before != (before := await self._state()):  # noqa: ASYNC110  # nothing happens, so there is no event
                await asyncio.sleep(0.5)

    async def _state(self) -> tuple[int, int]:
        head = await self.server.conversations.engine.store.head("vera")
        return self.chatwoot.changes, head.version if head else 0


@contextlib.asynccontextmanager
async def shop(root: Path, chatwoot: Chatwoot, *, webhooks: bool = True) -> AsyncIterator[Shop]:
    """Run a server that is connected to a Chatwoot."""
    async with running(root, endpoints=f"desk:\n{chatwoot.options()}") as server:
        chatwoot.webhook_url = server.url + WEBHOOK if webhooks else ""
        yield Shop(server, chatwoot)
        assert chatwoot.rejected == []


@pytest.fixture
async def chatwoot() -> AsyncIterator[Chatwoot]:
    """A Chatwoot."""
    async with Chatwoot().running() as found:
        yield found


@pytest.fixture(autouse=True)
def frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare everything often, so that a test sees what a comparison repeats."""
    monkeypatch.setattr(bridge, "SWEEP_S", 0.1)
    monkeypatch.setattr(bridge, "INTERVAL_S", 0.1)


def shows(chatwoot: Chatwoot, *wanted: tuple[str, str]) -> Callable[[], bool]:
    """Return whether the only conversation shows these messages."""
    return lambda: bool(chatwoot.conversations) and chatwoot.only.shown() == list(wanted)


async def test_messages_go_both_ways_once(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """All messages reach the other side once and in order, and none comes back."""
    async with shop(tmp_path, chatwoot) as one:
        await visit(one.server, "hello")
        await until(shows(chatwoot, ("visitor", "hello"), ("bot", "Hello.")))
        assert chatwoot.only.status == "pending"

        chatwoot.write(chatwoot.only, "Good morning!")
        chatwoot.write(chatwoot.only, "What can I do for you?")
        await one.said(2)
        await visit(one.server, "my bicycle is broken")
        await until(lambda: len(chatwoot.only.messages) == 5)
        await one.quiet()

        assert await one.agents() == [("Ada L.", "Good morning!"), ("Ada L.", "What can I do for you?")]
        assert chatwoot.only.shown() == [
            ("visitor", "hello"),
            ("bot", "Hello."),
            ("agent", "Good morning!"),
            ("agent", "What can I do for you?"),
            ("visitor", "my bicycle is broken"),
        ]
        assert (await one.handler(), chatwoot.only.status) == ("human", "open")


async def test_status_and_handler(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """A request for a person opens it; `resolved` and `pending` hand it back; `open` requests a person."""
    async with shop(tmp_path, chatwoot) as one, operator(one.server) as ada:
        await visit(one.server, "hello")
        await ada.act("vera", "request_handoff")
        await until(shows(chatwoot, ("visitor", "hello"), ("bot", "Hello.")))
        await until(lambda: chatwoot.only.status == "open")
        chatwoot.write(chatwoot.only, "Hi!")
        await one.handled_by("human")

        chatwoot.set_status(chatwoot.only, "resolved")
        await one.handled_by("bot")
        await one.quiet()
        assert chatwoot.only.status == "resolved"

        assert await visit(one.server, "hello") == ["Hi!", "Hello."]
        await until(lambda: chatwoot.only.status == "pending")
        await one.quiet()
        assert (await one.handler(), chatwoot.only.status) == ("bot", "pending")

        chatwoot.set_status(chatwoot.only, "open")
        await one.handled_by("queue")
        chatwoot.set_status(chatwoot.only, "pending")
        await one.handled_by("bot")

        await ada.act("vera", "take")
        await until(lambda: chatwoot.only.status == "open")
        await ada.act("vera", "say", text="From the desk", message_id="1")
        await until(lambda: chatwoot.only.shown()[-1] == ("bot", "Ada: From the desk"))
        await ada.act("vera", "close")
        await until(lambda: chatwoot.only.status == "resolved")
        await one.quiet()
        assert (await one.handler(), chatwoot.only.status) == ("bot", "resolved")


async def test_two_agents_and_private_notes(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """The second agent who writes takes the conversation over. Private notes stay in Chatwoot, and notes in the log."""
    async with shop(tmp_path, chatwoot) as one, operator(one.server, "Root", "admin") as root:
        await visit(one.server, "hello")
        await until(lambda: bool(chatwoot.conversations))
        await root.act("vera", "note", text="a note of the desk")
        chatwoot.write(chatwoot.only, "Hi, Ada here.", ADA)
        chatwoot.write(chatwoot.only, "secret of the agents", BOB, private=True)
        chatwoot.write(chatwoot.only, "And Bob.", BOB)
        await one.said(2)
        await one.quiet()
        assert await one.agents() == [("Ada L.", "Hi, Ada here."), ("Bob", "And Bob.")]
        head = (await root.show("vera"))["head"]
        assert head["operator"] == {"id": "chatwoot:12", "name": "Bob"}
        assert "a note of the desk" not in str(chatwoot.only.messages)


async def test_lost_answers_and_failures(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """A message whose answer was lost is not sent again, and one that failed is sent later, in order."""
    async with shop(tmp_path, chatwoot) as one:
        chatwoot.faults.extend(["cut", "down", "cut", "cut", "down", "cut"])
        await visit(one.server, "hello")
        await visit(one.server, "I am Ada")
        await until(lambda: not chatwoot.faults)
        texts = [("visitor", "hello"), ("bot", "Hello."), ("visitor", "I am Ada"), ("bot", "Hello, Ada.")]
        await until(shows(chatwoot, *texts))
        await one.quiet()
        assert chatwoot.only.shown() == texts
        assert len(chatwoot.contacts) == 1


async def test_lost_webhooks(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """Without webhooks, the bridge finds the messages of handled conversations."""
    async with shop(tmp_path, chatwoot, webhooks=False) as one, operator(one.server) as ada:
        await visit(one.server, "hello")
        await ada.act("vera", "request_handoff")
        await until(shows(chatwoot, ("visitor", "hello"), ("bot", "Hello.")))
        await until(lambda: chatwoot.only.status == "open")
        chatwoot.write(chatwoot.only, "Hi!")
        await one.said(1)
        chatwoot.set_status(chatwoot.only, "resolved")
        await one.handled_by("bot")


async def test_webhooks_need_a_signature(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """A webhook without a signature, or with a wrong or an old one, is rejected, and a correct one is accepted."""
    notice = {"event": "message_created", "conversation": {"id": 1}}
    async with shop(tmp_path, chatwoot) as one, httpx.AsyncClient(base_url=one.server.url) as http:
        body, headers = signed(notice)
        _, old = signed(notice, age_s=301)
        _, ahead = signed(notice, age_s=-302)
        _, foreign = signed(notice, secret="another secret")  # noqa: S106  # a made-up one
        stripped = {name: value for name, value in headers.items() if name != "X-Chatwoot-Timestamp"}
        later = {**headers, "X-Chatwoot-Timestamp": str(int(time.time()) + 1)}
        for wrong in ({}, old, ahead, foreign, stripped, later, {**headers, "X-Chatwoot-Signature": "sha256="}):
            answer = await http.post(WEBHOOK, content=body, headers=wrong)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")
        changed = await http.post(WEBHOOK, content=body + b" ", headers=headers)
        assert changed.status_code == 401
        assert (await http.post(WEBHOOK, content=body, headers=headers)).status_code == 200
        payload: Any
        for payload in ([], {"event": "message_created"}, {"event": "contact_created", "id": [1]}, {"id": None}):
            body, headers = signed(payload)
            answer = await http.post(WEBHOOK, content=body, headers=headers)
            assert answer.status_code in (200, 400)


async def test_webhook_without_the_bridge(tmp_path: Path) -> None:
    """A desk without the bridge does not accept its webhooks."""
    async with running(tmp_path, endpoints="desk: {}\n") as server, httpx.AsyncClient() as http:
        body, headers = signed({"event": "message_created"})
        assert (await http.post(server.url + WEBHOOK, content=body, headers=headers)).status_code == 404


async def test_servers_take_turns(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """Of two servers, one runs the bridge, and the other continues when it stops."""
    endpoints = f"desk:\n{chatwoot.options()}"
    async with running(tmp_path, endpoints=endpoints) as second:
        async with running(tmp_path, endpoints=endpoints) as first:
            chatwoot.webhook_url = second.url + WEBHOOK
            for number in range(5):
                await visit(second if number % 2 else first, f"number {number}")
            await until(lambda: bool(chatwoot.conversations) and len(chatwoot.only.messages) == 10)
            chatwoot.write(chatwoot.only, "Hi!")
            await Shop(second, chatwoot).said(1)
        await visit(second, "number 5")
        await until(lambda: len(chatwoot.only.messages) == 12)
        await Shop(second, chatwoot).quiet()
        shown = [text for who, text in chatwoot.only.shown() if who == "visitor"]
        assert shown == [f"number {number}" for number in range(6)]


async def test_erase(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """An erase removes the link. A new conversation with the same id gets a new counterpart."""
    async with shop(tmp_path, chatwoot) as one:
        store = one.server.conversations.engine.store
        await visit(one.server, "hello")
        await until(lambda: bool(chatwoot.conversations) and len(chatwoot.only.messages) == 2)
        await one.quiet()
        assert await store.erase("vera", new_epoch=None)
        await visit(one.server, "I am Ada")
        await until(lambda: len(chatwoot.conversations) == 2)
        new = _newest(chatwoot)
        await until(lambda: new.shown() == [("visitor", "I am Ada"), ("bot", "Hello, Ada.")])


def _newest(chatwoot: Chatwoot) -> Remote:
    return chatwoot.conversations[max(chatwoot.conversations)]


async def test_deleted_in_chatwoot(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """A conversation that an agent deleted in Chatwoot gets a new counterpart with the next message."""
    async with shop(tmp_path, chatwoot) as one:
        await visit(one.server, "hello")
        await until(lambda: bool(chatwoot.conversations) and len(chatwoot.only.messages) == 2)
        await one.quiet()
        chatwoot.conversations.clear()
        await visit(one.server, "I am Ada")
        await until(shows(chatwoot, ("visitor", "I am Ada"), ("bot", "Hello, Ada.")))
