"""An operator's words and the change of the handler reach visitors on every channel."""

from pathlib import Path
from typing import Any

import httpx

from manent.client import ChatClient
from manent.core.events import Operator
from manent.runtime import handling
from support.small_talk import Running, running, until
from unit.channels.sockets import PERSISTENT, page
from unit.channels.test_callback import receiving

ADA = Operator(id="7", name="Ada", avatar="https://example.org/ada.png")
WIRE = {"id": "7", "name": "Ada", "avatar": "https://example.org/ada.png"}


async def answer(server: Running, text: str, message_id: str = "m1", **data: Any) -> None:
    """Let Ada answer the visitor."""
    await handling.say(server.conversations.get("ada"), ADA, text=text, message_id=message_id, data=data or None)


async def post(http: httpx.AsyncClient, request: str, **body: Any) -> Any:
    """Send a request of protocol 1 over HTTP."""
    return (await http.post(f"/sessions/{request}", json=body)).json()


async def test_client_that_accepts_operators_sees_them(tmp_path: Path) -> None:
    """It gets the handler with the join and at each change, and messages with the operator, live and after a reload."""
    async with running(tmp_path) as server:
        async with ChatClient(server.url, session_id="ada", accepts=["agent"]) as chat:
            await chat.send("hello")
            assert chat.handler == "bot"
            await handling.request_handoff(server.conversations.get("ada"))
            await until(lambda: chat.handler == "queue")
            await answer(server, "Hi.\n\nHow are you?")
            [message] = (await chat.wait_for(lambda messages: len(messages) == 3))[2:]
            assert (message["role"], message["text"], message["operator"]) == ("agent", "Hi.\n\nHow are you?", WIRE)
            await until(lambda: chat.handler == "human")
            assert chat.operator == WIRE
            handling.typing(server.conversations.get("ada"), on=True)
            await until(lambda: chat.agent_typing)
            state = chat.state()
        await answer(server, "Still there?", "m2")
        async with ChatClient(server.url, state=state, accepts=["agent"]) as again:
            assert (again.handler, again.messages[-1]["operator"]) == ("human", WIRE)
        async with ChatClient(server.url, session_id="ada", accepts=["agent"], limit=1) as short:
            while await short.older():
                pass
            assert [message["role"] for message in short.messages] == ["user", "bot", "agent", "agent"]


async def test_other_clients_see_the_bot(tmp_path: Path) -> None:
    """A client that knows no operators gets their words like the bot's, with the keys that it knows."""
    heard: list[str] = []
    async with (
        running(tmp_path) as server,
        ChatClient(server.url, session_id="ada", on_event=lambda event, _: heard.append(event)) as chat,
    ):
        await chat.send("hello")
        await answer(server, "Hi.")
        live = (await chat.wait_for(lambda messages: len(messages) == 3))[2]
        async with ChatClient(server.url, session_id="ada") as other:
            stored = other.messages[2]
    assert live == stored
    assert set(live) == {"role", "text", "seq", "id", "parts", "prev", "timestamp"}
    assert live["role"] == "bot"
    assert chat.handler is None
    assert not {"handler_changed", "agent_uttered", "agent_typing"} & set(heard)


async def test_plain_page_gets_rasas_keys(tmp_path: Path) -> None:
    """A plain Rasa page gets an operator's words as bot messages, buttons included, and what it missed later."""
    async with running(tmp_path, credentials=PERSISTENT) as server:
        async with page(server.url) as ada:
            await ada.say("hello")
            await until(lambda: len(ada.got()) == 1)
            await answer(server, "One.\n\nTwo.", buttons=[{"title": "Yes", "payload": "/yes"}])
            await until(lambda: len(ada.got()) == 3)
            assert ada.got()[1:] == [
                {"text": "One.", "quick_replies": []},
                {"text": "Two.", "quick_replies": [{"content_type": "text", "title": "Yes", "payload": "/yes"}]},
            ]
            await until(lambda: server.conversations.get("ada").record.plain_seq > 0)
        await answer(server, "Are you back?", "m2")
        async with page(server.url) as back:
            await until(lambda: {"text": "Are you back?"} in back.got())


async def test_rest_gets_what_it_missed(tmp_path: Path) -> None:
    """REST can only answer: the next message brings the operator's words since the previous one, once."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:

        async def say(text: str) -> list[str]:
            body = (await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": text})).json()
            return [reply["text"] for reply in body]

        assert await say("hello") == ["Hello."]
        await answer(server, "Hi, Ada here.")
        await answer(server, "Can I help?", "m2")
        assert await say("yes please") == ["Hi, Ada here.", "Can I help?"]
        assert await say("hello?") == []
        await answer(server, "Bye.", "m3")
        await handling.hand_back(server.conversations.get("ada"), ADA)
        assert await say("hello") == ["Bye.", "Hello."]
        assert await say("hello") == ["Hello."]


async def test_callback_is_posted(tmp_path: Path) -> None:
    """The callback channel posts an operator's words at once."""
    async with (
        receiving() as receiver,
        running(tmp_path, credentials=f"callback: {{url: {receiver.url}}}\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        await http.post("/webhooks/callback/webhook", json={"sender": "ada", "message": "hello"})
        await answer(server, "Hi, Ada here.")
    assert [body["text"] for _, _, body in receiver.requests] == ["Hello.", "Hi, Ada here."]


async def test_over_http(tmp_path: Path) -> None:
    """Over HTTP the same keys come with `accepts`, a change of the handler ends the wait, and ratings are stored."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        joined = await post(http, "session_request", protocol=1, session_id="ada", accepts=["agent"])
        assert joined["handler"] == "bot"
        await post(http, "user_uttered", session_id="ada", message="hello", message_id="1")
        await answer(server, "Hi.")
        cursor = {"epoch": joined["epoch"], "seq": 0}
        news = await post(http, "events", session_id="ada", cursor=cursor, accepts=["agent"])
        assert [message["role"] for message in news["messages"]] == ["user", "bot", "agent"]
        assert (news["handler"], news["operator"]) == ("human", WIRE)
        plain = await post(http, "history_request", session_id="ada", before=1000)
        assert [message["role"] for message in plain["messages"]] == ["user", "bot", "bot"]
        assert (await post(http, "rate", session_id="ada", score=5, of=news["messages"][-1]["seq"]))["ok"]
        for wrong in ({"score": 6}, {"score": "5"}, {"score": 5, "of": "x"}, {"score": 5, "epoch": "other"}):
            refused = await post(http, "rate", session_id="ada", **wrong)
            assert refused["error"]["code"] in ("bad_request", "conversation_changed")
        refused = await post(http, "session_request", protocol=1, session_id="ada", accepts="agent")
        assert refused["error"]["code"] == "bad_request"


async def test_visitor_rates_and_types(tmp_path: Path) -> None:
    """Ratings are in the log; typing reaches those who listen for it, and nothing is stored."""
    typed: list[tuple[str, bool]] = []
    async with running(tmp_path) as server, ChatClient(server.url, session_id="ada", accepts=["agent"]) as chat:
        server.conversations.engine.typing_readers.append(lambda sender_id, on: typed.append((sender_id, on)))
        await chat.send("hello")
        await chat.wait_for(lambda messages: len(messages) == 2)
        await chat.show_typing(on=True)
        await chat.rate(4, comment="fine")
        newest = (await server.conversations.engine.store.entries("ada"))[-1]
    assert typed == [("ada", True)]
    assert (type(newest.event).__name__, newest.view) == ("Rated", None)


async def test_change_during_the_join_is_not_lost(tmp_path: Path) -> None:
    """However joins and changes interleave, the client ends with the present handler."""
    async with running(tmp_path) as server:
        async with ChatClient(server.url, session_id="ada") as chat:
            await chat.send("hello")
        conversation = server.conversations.get("ada")
        for number in range(10):
            async with ChatClient(server.url, session_id="ada", accepts=["agent"]) as chat:
                if number % 2:
                    await handling.hand_back(conversation, ADA)
                else:
                    await handling.take(conversation, ADA)
                head = await server.conversations.engine.store.head("ada")
                assert head is not None
                wanted = head.handling.handler
                await until(lambda chat=chat, wanted=wanted: chat.handler == wanted)  # type: ignore[misc]
