"""The bridge to Chatwoot: messages in both directions, and the status that corresponds to the handler."""

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
from manent.desk import bridge_runner
from manent.stores.desk.tables import open_desk_tables
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
    monkeypatch.setattr(bridge_runner, "SWEEP_S", 0.1)
    monkeypatch.setattr(bridge_runner, "INTERVAL_S", 0.1)
    monkeypatch.setattr(bridge_runner, "RETRY_S", (0.1, 0.2))
    monkeypatch.setattr(bridge_runner, "REFUSED_S", 0.3)


def shows(chatwoot: Chatwoot, *wanted: tuple[str, str]) -> Callable[[], bool]:
    """Return whether the only conversation shows these messages."""
    return lambda: bool(chatwoot.conversations) and chatwoot.only.shown() == list(wanted)


async def test_messages_go_both_ways_once(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """All messages reach the other side once and in order, and are not sent back."""
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
    """An agent who writes takes the conversation over. Private notes stay in Chatwoot, and notes stay in the log."""
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
    """Webhooks with a missing, wrong or old signature are rejected."""
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
    """One of two servers runs the bridge. When it stops, the other server continues."""
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


def by_visitor(chatwoot: Chatwoot, identifier: str) -> Remote | None:
    """Return the newest conversation of a visitor in Chatwoot."""
    found = [one for one in chatwoot.conversations.values() if one.contact["identifier"] == identifier]
    return found[-1] if found else None


def wrote(chatwoot: Chatwoot, sender: str) -> list[str]:
    """Return what a visitor wrote in the newest conversation in Chatwoot."""
    remote = by_visitor(chatwoot, sender)
    return [text for who, text in remote.shown() if who == "visitor"] if remote else []


@pytest.mark.parametrize("status", [503, 403])
async def test_a_failing_conversation_does_not_delay_others(tmp_path: Path, chatwoot: Chatwoot, status: int) -> None:
    """While Chatwoot fails for one conversation, the others continue. It catches up later, also after a restart."""
    async with shop(tmp_path, chatwoot) as one:
        await visit(one.server, "hello", "stuck")
        await until(lambda: len(wrote(chatwoot, "stuck")) == 1)
        stuck = by_visitor(chatwoot, "stuck")
        assert stuck is not None
        await until(lambda: len(stuck.messages) == 2)
        chatwoot.broken[stuck.id] = status
        for number in range(3):
            await visit(one.server, f"stuck {number}", "stuck")
            for name in ("vera", "walt"):
                await visit(one.server, f"{name} {number}", name)
        await until(lambda: wrote(chatwoot, "vera") == [f"vera {number}" for number in range(3)])
        await until(lambda: wrote(chatwoot, "walt") == [f"walt {number}" for number in range(3)])
        vera = by_visitor(chatwoot, "vera")
        assert vera is not None
        chatwoot.write(vera, "Hi!")
        await one.said(1)

        metrics = one.server.conversations.engine.metrics
        await until(lambda: metrics.bridge_waiting == 1)
        assert metrics.background_failures["desk_chatwoot_conversations"] > 0
        assert metrics.background_failures["desk_chatwoot"] == 0
        async with httpx.AsyncClient(base_url=one.server.url) as http:
            failing = (await http.get("/health/ready")).json().get("failing", {})
        assert failing == ({"desk_chatwoot_conversations": "send_later"} if status == 503 else {})
        tables = open_desk_tables(one.server.conversations.engine.store)
        async with asyncio.timeout(30):
            while (await tables.bridge("chatwoot")).position < (await tables.feed_ends())[1]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        audit = [record.action for record in await tables.audit_records(sender_id="stuck")]
        assert audit == (["chatwoot:refused"] if status == 403 else [])
        await visit(one.server, "the last one", "stuck")

    assert wrote(chatwoot, "stuck") == ["hello"]
    async with shop(tmp_path, chatwoot) as one:
        await until(lambda: one.server.conversations.engine.metrics.bridge_waiting == 1)
        del chatwoot.broken[stuck.id]
        expected = ["hello", "stuck 0", "stuck 1", "stuck 2", "the last one"]
        await until(lambda: wrote(chatwoot, "stuck") == expected)
        await until(lambda: one.server.conversations.engine.metrics.bridge_waiting == 0)
        assert one.server.conversations.engine.metrics.background_failing == {}
        await one.quiet()
        assert wrote(chatwoot, "stuck") == expected


async def test_pauses_between_attempts_grow(
    tmp_path: Path, chatwoot: Chatwoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses between the attempts for one conversation grow, although visitors and webhooks name it often."""
    monkeypatch.setattr(bridge_runner, "RETRY_S", (0.1, 0.2, 60.0))
    async with shop(tmp_path, chatwoot) as one:
        await visit(one.server, "hello")
        await until(shows(chatwoot, ("visitor", "hello"), ("bot", "Hello.")))
        await one.quiet()
        remote = chatwoot.only
        chatwoot.broken[remote.id] = 500
        path = ("GET", f"/conversations/{remote.id}")
        before = chatwoot.requests[path]
        for number in range(10):
            await visit(one.server, f"number {number}")
            chatwoot.write(remote, f"Agent {number}")
            await asyncio.sleep(0.1)
        await until(lambda: chatwoot.requests[path] - before == 3)
        await visit(one.server, "hello", "walt")
        await until(lambda: wrote(chatwoot, "walt") == ["hello"])
        assert chatwoot.requests[path] - before == 3
        link = await open_desk_tables(one.server.conversations.engine.store).link("chatwoot", "vera")
        assert link is not None
        assert link.failures == 3
        assert 50 < link.retry_at - time.time() <= 60


async def test_refused_messages_and_contacts(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """A message that Chatwoot rejects is recorded and skipped. A visitor whom it rejects does not delay others."""
    chatwoot.refused |= {"count", "nobody"}
    async with shop(tmp_path, chatwoot) as one:
        for text in ("hello", "count", "I am Ada"):
            await visit(one.server, text)
        await visit(one.server, "hello", "nobody")
        await until(lambda: wrote(chatwoot, "vera") == ["hello", "I am Ada"])
        tables = open_desk_tables(one.server.conversations.engine.store)
        [record] = await tables.audit_records(sender_id="vera")
        assert (record.action, record.detail) == ("chatwoot:rejected", {"seq": record.detail["seq"], "status": 422})
        metrics = one.server.conversations.engine.metrics
        assert metrics.bridge_rejected == 1
        await until(lambda: metrics.bridge_waiting == 1)
        assert metrics.background_failing == {}
        async with httpx.AsyncClient(base_url=one.server.url) as http:
            exported = (await http.get("/metrics")).text
        assert "manent_bridge_messages_rejected_total 1.0" in exported
        assert "manent_bridge_conversations_waiting 1.0" in exported

        chatwoot.refused.clear()
        await until(lambda: wrote(chatwoot, "nobody") == ["hello"])
        await until(lambda: metrics.bridge_waiting == 0)
        refused = [record.action for record in await tables.audit_records(sender_id="nobody")]
        assert refused == ["chatwoot:refused"]


async def test_deleted_while_messages_are_sent(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """A message is not lost if its conversation is deleted in Chatwoot between two requests of a comparison."""
    async with shop(tmp_path, chatwoot) as one:
        await visit(one.server, "hello")
        await until(shows(chatwoot, ("visitor", "hello"), ("bot", "Hello.")))
        await one.quiet()
        chatwoot.on_show = chatwoot.conversations.clear
        await visit(one.server, "I am Ada")
        await until(shows(chatwoot, ("visitor", "I am Ada"), ("bot", "Hello, Ada.")))
        tables = open_desk_tables(one.server.conversations.engine.store)
        assert [record.action for record in await tables.audit_records(sender_id="vera")] == ["chatwoot:deleted"]
        assert one.server.conversations.engine.metrics.bridge_rejected == 0


async def test_slow_answers_about_a_conversation_do_not_delay_others(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """While Chatwoot does not answer requests about one conversation, the messages of others are sent."""
    async with shop(tmp_path, chatwoot) as one:
        await visit(one.server, "hello", "stuck")
        await until(lambda: len(wrote(chatwoot, "stuck")) == 1)
        stuck = by_visitor(chatwoot, "stuck")
        assert stuck is not None
        chatwoot.stalled.add(stuck.id)
        await visit(one.server, "stuck 1", "stuck")
        await until(lambda: chatwoot.waiting == 1)
        for number in range(2):
            await visit(one.server, f"number {number}")
            await until(lambda: len(wrote(chatwoot, "vera")) == number + 1)  # noqa: B023  # it is awaited here
        assert wrote(chatwoot, "stuck") == ["hello"]
        assert chatwoot.waiting == 1
        chatwoot.stalled.clear()
        await until(lambda: wrote(chatwoot, "stuck") == ["hello", "stuck 1"])


async def test_erase_of_a_failing_conversation(tmp_path: Path, chatwoot: Chatwoot) -> None:
    """An erase ends the attempts for a conversation and removes its link."""
    async with shop(tmp_path, chatwoot) as one:
        metrics = one.server.conversations.engine.metrics
        store = one.server.conversations.engine.store
        await visit(one.server, "hello")
        await until(lambda: bool(chatwoot.conversations))
        chatwoot.broken[chatwoot.only.id] = 500
        await visit(one.server, "I am Ada")
        await until(lambda: metrics.bridge_waiting == 1)
        assert await store.erase("vera", new_epoch=None)
        await until(lambda: metrics.bridge_waiting == 0)
        assert await open_desk_tables(store).link("chatwoot", "vera") is None
        assert metrics.background_failing == {}
