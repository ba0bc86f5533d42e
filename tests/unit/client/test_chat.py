"""The client against a real server: tabs, gaps, restarts."""

import asyncio
from pathlib import Path

import pytest

from manent.client import ChatClient, Refused
from manent.client.chat import texts
from manent.dialogue.steps import ActionResult
from support.small_talk import Actions, running, until

GREETED = ["hello", "Hello."]


async def test_two_tabs_see_the_same(tmp_path: Path) -> None:
    """What is said in one tab shows in the other, the visitor's own words included."""
    async with (
        running(tmp_path) as server,
        ChatClient(server.url, session_id="ada") as one,
        ChatClient(server.url, session_id="ada") as other,
    ):
        await one.send("hello")
        for tab in (one, other):
            assert texts(await tab.wait_for(lambda messages: len(messages) == 2)) == GREETED
        await other.send("count")
        await one.wait_for(lambda messages: len(messages) == 4)

        assert texts(one.messages) == [*GREETED, "count", "One.\n\nTwo."]
        assert one.transcript.cursor == other.transcript.cursor


async def test_reload_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A client made of another's state has its messages, and gets what came meanwhile, once."""
    async with running(tmp_path) as server:
        async with ChatClient(server.url, session_id="ada") as first:
            await first.send("hello")
            await first.wait_for(lambda messages: len(messages) == 2)
            state = first.state()
        async with ChatClient(server.url, session_id="ada") as meanwhile:
            await meanwhile.send("hello")
            await meanwhile.wait_for(lambda messages: len(messages) == 4)
        async with ChatClient(server.url, state=state) as second:
            await second.wait_for(lambda messages: len(messages) == 4)

            assert texts(second.messages) == GREETED * 2


async def test_what_is_said_during_an_outage_arrives_once(tmp_path: Path) -> None:
    """Messages said while the server is away are in order, once each, after it is back."""
    async with running(tmp_path) as server:
        client = ChatClient(server.url, session_id="ada")
        await client.connect()
        await client.send("hello")
    port = int(server.url.rpartition(":")[2])
    pending = [client.say(text) for text in ("count", "hello")]
    assert not any(each.done() for each in pending)
    async with running(tmp_path, port=port):
        receipts = await asyncio.wait_for(asyncio.gather(*pending), 60)
        await client.wait_for(lambda messages: len(messages) == 6)
        shown = texts(client.messages)
        await client.close()

    assert [receipt["duplicate"] for receipt in receipts] == [False, False]
    assert shown == [*GREETED, "count", "One.\n\nTwo.", *GREETED]


async def test_gap_is_filled_from_the_history(tmp_path: Path) -> None:
    """A client that was away for longer than a page pages back until it meets what it has."""
    async with running(tmp_path) as server:
        async with ChatClient(server.url, session_id="ada", limit=3) as client:
            await client.send("hello")
            await client.wait_for(lambda messages: len(messages) == 2)
            state = client.state()
        async with ChatClient(server.url, session_id="ada") as other:
            for _ in range(6):
                await other.send("hello")
            await other.wait_for(lambda messages: len(messages) == 14)
        async with ChatClient(server.url, state=state, limit=3) as again:
            shown = texts(await again.wait_for(lambda messages: len(messages) == 14))

    assert shown == GREETED * 7


async def test_older_messages_come_page_by_page(tmp_path: Path) -> None:
    """A new device begins with the newest page and pages back to the beginning."""
    async with running(tmp_path) as server:
        async with ChatClient(server.url, session_id="ada") as first:
            for _ in range(4):
                await first.send("hello")
            await first.wait_for(lambda messages: len(messages) == 8)
        async with ChatClient(server.url, session_id="ada", limit=3) as device:
            assert len(device.messages) == 3
            while await device.older():
                pass

            assert texts(device.messages) == GREETED * 4


async def test_erase_reaches_the_other_tab(tmp_path: Path) -> None:
    """After an erase both tabs are empty and go on; the old text does not come back."""
    async with (
        running(tmp_path) as server,
        ChatClient(server.url, session_id="ada") as one,
        ChatClient(server.url, session_id="ada") as other,
    ):
        await one.send("hello")
        await other.wait_for(lambda messages: len(messages) == 2)
        await one.erase()
        await other.wait_for(lambda messages: not messages)
        await other.send("count")
        await one.wait_for(lambda messages: len(messages) == 2)

        assert texts(one.messages) == ["count", "One.\n\nTwo."]


async def test_refused_message_is_told(tmp_path: Path) -> None:
    """A message that will never be taken fails at once, and the next one is sent."""
    async with running(tmp_path) as server, ChatClient(server.url, session_id="ada") as client:
        with pytest.raises(Refused) as refused:
            await client.send("x" * 64_001)
        await client.send("hello")

    assert refused.value.code == "too_long"


async def test_session_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Without the token a minted conversation cannot be joined; with it, it can."""
    credentials = "socketio:\n  session_persistence: true\n  session_identity: minted\n"
    async with running(tmp_path, credentials=credentials) as server, ChatClient(server.url) as mine:
        await mine.send("hello")
        stranger = ChatClient(server.url, session_id=mine.session_id)
        with pytest.raises(Refused) as refused:
            await stranger.connect()
        await stranger.close()
        async with ChatClient(server.url, session_id=mine.session_id, session_token=mine.session_token) as device:
            await device.wait_for(lambda messages: len(messages) == 2)

    assert refused.value.code == "forbidden"


async def test_a_session_that_is_refused_later_fails_its_messages(tmp_path: Path) -> None:
    """After a permanent refusal, waiting and later messages raise it, and `state` still contains them."""
    async with running(tmp_path) as server:
        client = ChatClient(server.url, session_id="ada")
        await client.connect()
    port = int(server.url.rpartition(":")[2])
    waiting = client.say("hello")
    credentials = "socketio:\n  session_persistence: true\n  session_identity: minted\n"
    async with running(tmp_path, port=port, credentials=credentials), asyncio.timeout(30):
        with pytest.raises(Refused) as refused:
            await waiting
        with pytest.raises(Refused) as later:
            await client.send("count")
    kept = client.state()["outbox"]
    await client.close()

    assert (refused.value.code, later.value.code) == ("forbidden", "forbidden")
    assert [request["message"] for request in kept] == ["hello", "count"]


async def test_messages_before_the_first_connection_are_sent(tmp_path: Path) -> None:
    """A message that is said before `connect` is in `state`, and is sent after those of the earlier client."""
    async with running(tmp_path) as server, asyncio.timeout(30):
        earlier = {"session_id": "ada", "message": "hello", "message_id": "earlier"}
        client = ChatClient(server.url, state={"session_id": "ada", "outbox": [earlier]})
        accepted = client.say("count")
        kept = client.state()["outbox"]
        await client.connect()
        await accepted
        await client.wait_for(lambda messages: len(messages) == 4)
        shown = texts(client.messages)
        await client.close()

    assert [request["message"] for request in kept] == ["hello", "count"]
    assert shown == [*GREETED, "count", "One.\n\nTwo."]


async def test_a_closed_client_fails_its_messages_until_it_connects_again(tmp_path: Path) -> None:
    """`close` ends calls that wait for an acknowledgement. The messages are sent when the client connects again."""
    async with running(tmp_path) as server:
        client = ChatClient(server.url, session_id="ada")
        await client.connect()
    waiting = asyncio.create_task(client.send("hello"))
    await asyncio.sleep(0)
    await client.close()
    async with asyncio.timeout(30):
        with pytest.raises(Refused) as refused:
            await waiting
        with pytest.raises(Refused) as later:
            await client.send("count")
        async with running(tmp_path, port=int(server.url.rpartition(":")[2])):
            await client.connect()
            await client.wait_for(lambda messages: len(messages) == 4)
            shown = texts(client.messages)
            await client.close()

    assert (refused.value.code, later.value.code) == ("closed", "closed")
    assert shown == [*GREETED, "count", "One.\n\nTwo."]


async def test_typing_shows_until_the_answer(tmp_path: Path) -> None:
    """While a slow action runs the bot is shown to be at work, and no longer when it has spoken."""
    actions = Actions(hold=asyncio.Event(), work=lambda _: ActionResult(responses=({"text": "Done."},)))
    async with (
        running(tmp_path, actions=actions) as server,
        ChatClient(server.url, session_id="ada") as client,
    ):
        await client.send("work")
        await until(lambda: client.typing)
        assert actions.hold is not None
        actions.hold.set()
        await client.wait_for(lambda messages: len(messages) == 2)

        assert client.typing is False
