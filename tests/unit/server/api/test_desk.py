"""The HTTP API of the desk."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.runtime.conversation.feed import AgentTyping, News
from manent.server.api.desk import review
from support.desks import API, eventually, listed, operator, visit
from support.small_talk import running, until

DESK = "desk: {}\n"


async def test_a_conversation_with_a_person(tmp_path: Path) -> None:
    """An operator sees a conversation, takes it, answers, and hands it back, while the bot is silent."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        assert await visit(server, "hello") == ["Hello."]
        [one] = await listed(ada, 1)
        assert (one["sender_id"], one["handler"], one["channel"], one["unread"]) == ("vera", "bot", "rest", 1)
        assert (one["last"]["role"], one["last"]["text"], one["preview"]) == ("bot", "Hello.", "hello")

        requested = await ada.act("vera", "request_handoff", reason="angry")
        assert requested["head"]["handler"] == "queue"
        assert [row["sender_id"] for row in await listed(ada, 1, handler="queue")] == ["vera"]

        taken = await ada.act("vera", "take", expected=requested["head"]["seq"])
        assert (taken["head"]["handler"], taken["head"]["operator"]) == ("human", {"id": "ada", "name": "Ada"})
        assert await visit(server, "hello") == []
        said = await ada.act("vera", "say", text="Hi, I am Ada.", message_id="m1")
        again = await ada.act("vera", "say", text="Hi, I am Ada.", message_id="m1")
        assert said["head"]["seq"] == again["head"]["seq"]
        for _ in range(2):  # the answer to the first request was lost
            await ada.act("vera", "note", text="knows us", message_id="n1")
        await ada.act("vera", "labels", add=["vip"])
        [row] = await listed(ada, 1, label="vip", operator="ada")
        assert (row["last"]["text"], row["labels"]) == ("Hi, I am Ada.", ["vip"])

        shown = await ada.show("vera")
        roles = [(one["role"], one.get("event"), one.get("text") or one.get("message")) for one in shown["messages"]]
        assert roles == [
            ("user", None, "hello"),
            ("bot", None, "Hello."),
            ("event", "handoff_requested", None),
            ("event", "operator_joined", None),
            ("user", None, "hello"),
            ("agent", None, "Hi, I am Ada."),
            ("note", None, "knows us"),
            ("event", "labelled", None),
        ]
        assert (shown["messages"][0]["intent"], shown["has_more"], shown["labels"]) == ("greet", False, ["vip"])
        older = await ada.show("vera", limit=2, before=shown["messages"][3]["seq"])
        assert ([one["role"] for one in older["messages"]], older["has_more"]) == (["bot", "event"], True)

        back = await ada.act("vera", "hand_back", note="done")
        assert back["head"]["handler"] == "bot"
        assert await visit(server, "count") == ["Hi, I am Ada.", "One.\n\nTwo."]


async def test_two_operators_conflict(tmp_path: Path) -> None:
    """Of two who take a conversation, one gets it, and the other learns who has it."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada, operator(server, "Bob") as bob:
        await visit(server, "hello")
        answers = await asyncio.gather(
            *(
                one.http.post(f"{API}/conversations/vera/take", json={}, headers={"X-CSRF-Token": one.csrf})
                for one in (ada, bob)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        conflict = next(answer.json() for answer in answers if answer.status_code == 409)
        winner = next(answer.json() for answer in answers if answer.status_code == 200)
        assert (conflict["ok"], conflict["error"]["code"]) == (False, "handler_conflict")
        assert conflict["head"] == winner["head"]
        loser = bob if winner["head"]["operator"]["id"] == "ada" else ada
        await loser.act("vera", "say", 409, text="Hello", message_id="m1")
        assigned = await ada.act("vera", "assign", operator="bob")
        assert assigned["head"]["operator"]["name"] == "Bob"
        await ada.act("vera", "assign", 404, operator="nobody")
        closed = await bob.act("vera", "close", rate=True)
        assert (closed["head"]["handler"], closed["head"]["closed_at"] > 0) == ("bot", True)


async def test_the_handler_survives_a_replaced_log(tmp_path: Path) -> None:
    """`PUT …/tracker/events` changes neither who handles a conversation nor since when it waits."""
    replaced = [{"event": "slot", "name": "who", "value": "Eve"}]
    async with running(tmp_path, endpoints="desk: {}\n", enable_api=True) as server, operator(server) as ada:
        path = "/conversations/vera/tracker/events"
        await visit(server, "hello")
        await ada.act("vera", "request_handoff")
        waiting = (await ada.show("vera"))["head"]
        tracker = (await ada.http.put(path, json=replaced)).json()
        assert ([one["event"] for one in tracker["events"]], tracker["paused"]) == (["slot", "pause"], True)
        head = (await ada.show("vera"))["head"]
        assert (head["handler"], head["waiting_since"]) == ("queue", waiting["waiting_since"])

        await ada.act("vera", "take")
        await ada.http.put(path, json=replaced)
        head = (await ada.act("vera", "say", text="I am still here", message_id="1"))["head"]
        assert (head["handler"], head["operator"]["name"]) == ("human", "Ada")
        assert await visit(server, "hello") == ["I am still here"]

        await ada.act("vera", "close")
        closed = (await ada.http.put(path, json=replaced)).json()
        assert [one["event"] for one in closed["events"]] == ["slot"]
        head = (await ada.show("vera"))["head"]
        assert (head["handler"], "closed_at" in head) == ("bot", True)
        assert await visit(server, "hello") != []


async def test_news_reach_every_page(tmp_path: Path) -> None:
    """A page receives messages, changes, typing and presence in order, and continues where it stopped."""
    async with (
        running(tmp_path, endpoints=DESK) as server,
        operator(server) as ada,
        operator(server, "Bob") as bob,
        ada.following(),
    ):
        assert (await ada.saw("presence"))["operators"] == []
        async with bob.following():
            await ada.saw("presence", operators=[{"id": "ada", "name": "Ada"}, {"id": "bob", "name": "Bob"}])
            await visit(server, "hello")
            said = await ada.saw("message", sender_id="vera")
            assert [one["role"] for one in said["messages"]] == ["user", "bot"]
            await bob.act("vera", "take")
            changed = await ada.saw("conversation", to="human")
            assert (changed["head"]["operator"]["id"], changed["conversation"]["handler"]) == ("bob", "human")
            await bob.act("vera", "typing", on=True)
            typing = await ada.saw("typing", on=True)
            assert (typing["sender_id"], typing["operator"]["name"]) == ("vera", "Bob")
            bob_cursor = bob.cursor
        await bob.act("vera", "say", text="While you were away", message_id="m1")
        await ada.saw("message", messages=(await ada.show("vera"))["messages"][-1:])
        bob.events.clear()
        async with bob.following(bob_cursor):
            missed = await bob.saw("message", sender_id="vera")
            assert missed["messages"][0]["text"] == "While you were away"
        bob.events.clear()
        async with bob.following("ffffff"):
            await bob.saw("reset")
        await ada.saw("presence", operators=[{"id": "ada", "name": "Ada", "viewing": "vera"}])


async def test_a_page_on_another_server_is_up_to_date(tmp_path: Path) -> None:
    """A visitor on one server and an operator on another one see each other's messages and typing within a second."""
    async with (
        running(tmp_path, endpoints=DESK) as visitors,
        running(tmp_path, endpoints=DESK) as operators,
        operator(operators) as ada,
        ada.following(),
        httpx.AsyncClient(base_url=visitors.url, timeout=30) as http,
    ):
        await until(visitors.conversations.engine.is_staffed)
        began = time.monotonic()
        await visit(visitors, "hello")
        said = await ada.saw("message", sender_id="vera")
        assert time.monotonic() - began < 3
        assert [one["role"] for one in said["messages"]] == ["user", "bot"]
        await ada.act("vera", "take")
        request = {"protocol": 1, "session_id": "vera", "accepts": ["agent"]}
        session = (await http.post("/sessions/session_request", json=request)).json()
        assert session["handler"] == "human"
        cursor = {"epoch": session["epoch"], "seq": session["seq"]}
        waiting = asyncio.create_task(http.post("/sessions/events", json={**request, "cursor": cursor, "wait_s": 20}))
        await until(lambda: bool(visitors.conversations.get("vera").subscribers))
        typing: list[bool] = []
        visitors.conversations.get("vera").subscribers.append(_Typing(typing))
        await http.post("/sessions/user_typing", json={"session_id": "vera", "on": True})
        assert "operator" not in await ada.saw("typing", sender_id="vera", on=True)
        await ada.act("vera", "typing", on=True)
        await until(lambda: typing == [True])
        await ada.act("vera", "say", text="Hi from the other server", message_id="m1")
        received = (await waiting).json()["messages"]
        assert [(one["role"], one["text"], one["operator"]["name"]) for one in received] == [
            ("agent", "Hi from the other server", "Ada")
        ]
        visitors.conversations.get("vera").subscribers.clear()


async def test_presence_reaches_other_servers_with_the_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server learns that an operator of another one comes, goes or opens a conversation, without asking regularly."""
    monkeypatch.setattr("manent.desk.feed.PRESENCE_INTERVAL_S", 3600.0)
    async with (
        running(tmp_path, endpoints=DESK) as one,
        running(tmp_path, endpoints=DESK) as other,
        operator(one) as ada,
        operator(other, "Bob") as bob,
        bob.following(),
    ):
        await visit(one, "hello")
        async with ada.following():
            await bob.saw("presence", operators=[{"id": "ada", "name": "Ada"}, {"id": "bob", "name": "Bob"}])
            await ada.show("vera")
            viewing = {"id": "ada", "name": "Ada", "viewing": "vera"}
            await bob.saw("presence", operators=[viewing, {"id": "bob", "name": "Bob"}])
            bob.events.clear()
        await bob.saw("presence", operators=[{"id": "bob", "name": "Bob"}])


class _Typing:
    """A visitor's page that notes whether the operator types."""

    def __init__(self, seen: list[bool]) -> None:
        self.seen = seen

    def notify(self, news: News) -> None:
        if isinstance(news, AgentTyping):
            self.seen.append(news.on)


async def test_an_erased_conversation_leaves_the_pages(tmp_path: Path) -> None:
    """After an erase, pages are notified and neither list nor search has the conversation."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada, ada.following():
        await visit(server, "hello there")
        await listed(ada, 1)
        assert [hit["sender_id"] for hit in (await ada.get("/search", q="hello th"))["hits"]] == ["vera"]
        await server.conversations.engine.store.erase("vera", new_epoch="e2")
        assert await listed(ada, 0) == []
        assert (await ada.get("/search", q="hello"))["hits"] == []
        await ada.saw("conversation", sender_id="vera", gone=True)
        await ada.show("vera", 404)
        await visit(server, "hello again")
        [row] = await listed(ada, 1)
        assert (row["preview"], row["unread"]) == ("hello again", 1)


async def test_read_positions_are_personal(tmp_path: Path) -> None:
    """What one operator has read is unread for the other."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada, operator(server, "Bob") as bob:
        for text in ("hello", "count", "hello"):
            await visit(server, text)
        shown = await ada.show("vera")
        await eventually(lambda: ada.get("/conversations"), lambda page: page["conversations"][0]["unread"] == 3)
        await ada.act("vera", "read", seq=shown["messages"][1]["seq"])
        assert [row["unread"] for row in await listed(ada, 1)] == [2]
        await ada.act("vera", "read", seq=shown["head"]["seq"])
        assert [row["unread"] for row in await listed(ada, 1)] == [0]
        assert [row["unread"] for row in await listed(bob, 1)] == [3]


@pytest.mark.parametrize("sender", ["a/b", "a/take", "ü ?#%2F", "desk/api/v1/conversations/x"])
async def test_ids_may_contain_any_character(tmp_path: Path, sender: str) -> None:
    """An id in the path is decoded once, so ids with slashes work with every request."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        await visit(server, "hello", sender)
        assert (await ada.show(sender))["head"]["sender_id"] == sender
        assert (await ada.act(sender, "take"))["head"]["sender_id"] == sender
        await ada.act(sender, "fly", 404)


async def test_review_and_export(tmp_path: Path) -> None:
    """A reviewer corrects messages, and the decisions are NLU data; a conversation is a test story."""
    async with (
        running(tmp_path, endpoints=DESK) as server,
        operator(server) as ada,
        operator(server, "Rita", "reviewer") as rita,
    ):
        for sender in ("v1", "v2"):
            await visit(server, "I am Ada", sender)
        await visit(server, "/greet", "v1")
        await visit(server, "hello", "v1")
        found = await eventually(
            lambda: rita.get("/review/messages", sort="frequent"), lambda page: len(page["messages"]) == 2
        )
        first = found["messages"][0]
        assert (first["text"], first["count"], first["intent"]) == ("I am Ada", 2, "name")
        assert "greet" in found["intents"]
        await ada.post("/review/annotations", 403, text="x", intent="greet")
        entity = {"start": 5, "end": 8, "entity": "who"}
        await rita.post("/review/annotations", text="I am Ada", intent="name", entities=[entity])
        await rita.post("/review/annotations", text="hello", intent=None)
        await rita.post("/review/annotations", 400, text="hi", intent="greet", entities=[{**entity, "end": 9}])
        await rita.post("/review/annotations", 400, text="hi", intent="missing")
        assert (await rita.get("/review/messages"))["messages"] == []
        exported = await rita.http.get(f"{API}/review/annotations.yml")
        assert "- intent: name\n  examples: |\n    - I am [Ada](who)\n" in exported.text
        story = await ada.http.post(f"{API}/conversations/v1/test", headers={"X-CSRF-Token": ada.csrf})
        assert "- intent: name\n    user: |-\n      I am [Ada](who)" in story.text
        assert "- action: utter_name" in story.text


async def test_numbers(tmp_path: Path) -> None:
    """The numbers count conversations, messages, handoffs, waiting times and containment."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        for sender in ("v1", "v2", "v3"):
            await visit(server, "hello", sender)
        await ada.act("v1", "request_handoff")
        await ada.act("v1", "take")
        await visit(server, "hello", "v1")
        await ada.act("v1", "say", text="Hi", message_id="m1")
        found = await eventually(
            lambda: ada.get("/numbers"), lambda numbers: numbers["totals"]["messages"]["agent"] == 1
        )
        totals = found["totals"]
        assert (totals["conversations"], totals["visitors"], totals["handoffs"]) == (3, 3, 1)
        assert totals["messages"] == {"user": 4, "bot": 3, "agent": 1}
        assert totals["containment"] == round(2 / 3, 4)
        assert (totals["waiting"]["count"], totals["response"]["count"]) == (1, 1)
        assert found["intents"] == [{"intent": "greet", "count": 4}]
        assert len(found["buckets"]) == 28
        assert (await ada.get("/numbers", bucket="all"))["buckets"][0]["conversations"] == 3
        await ada.get("/numbers", 400, bucket="century")


async def test_prepared_replies_and_webhooks(tmp_path: Path) -> None:
    """Operators store canned replies; only administrators see webhooks, and nobody sees their secrets."""
    async with (
        running(tmp_path, endpoints="desk: {}\nallow_private_addresses: true\n") as server,
        operator(server) as ada,
        operator(server, "Root", "admin") as root,
    ):
        put = await ada.http.put(f"{API}/canned/hi", json={"text": "Hi {who}"}, headers={"X-CSRF-Token": ada.csrf})
        assert put.status_code == 200
        assert (await ada.get("/canned"))["canned"] == [{"key": "hi", "text": "Hi {who}"}]
        await ada.get("/webhooks", 403)
        hook: dict[str, Any] = {"url": "http://127.0.0.1:9/hook", "secret": "s" * 16, "events": ["queue"]}
        made = await root.post("/webhooks", **hook)
        assert "secret" not in made["webhook"]
        assert (await root.get("/webhooks"))["webhooks"] == [made["webhook"]]
        await root.post("/webhooks", 400, **{**hook, "secret": "short"})
        gone = await root.http.delete(f"{API}/webhooks/{made['webhook']['id']}", headers={"X-CSRF-Token": root.csrf})
        assert gone.status_code == 200
        assert (await root.get("/webhooks"))["webhooks"] == []


async def test_a_full_list_of_canned_replies_can_still_be_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit, a new reply is rejected, and a known one can be changed."""
    monkeypatch.setattr(review, "MAX_CANNED", 1)
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:

        async def put(key: str, text: str) -> int:
            headers = {"X-CSRF-Token": ada.csrf}
            return (await ada.http.put(f"{API}/canned/{key}", json={"text": text}, headers=headers)).status_code

        assert [await put("hi", "Hi"), await put("bye", "Bye"), await put("hi", "Hello")] == [200, 409, 200]
        assert (await ada.get("/canned"))["canned"] == [{"key": "hi", "text": "Hello"}]


async def test_without_a_desk_there_are_no_routes(tmp_path: Path) -> None:
    """A server without a desk does not serve any of its paths."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        for path in ("/me", "/conversations", "/events"):
            assert (await http.get(API + path)).status_code == 404
        assert (await http.get("/desk/join")).status_code == 404
