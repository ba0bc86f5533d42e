"""The management API of conversations, over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest

from manent.core.events import Json
from support.small_talk import Actions, Running, failing, running

SIGNING_KEY = "a-key-of-some-length-0123456789-0123456789"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """A server with its management API open."""
    async with running(tmp_path, enable_api=True) as served:
        yield served


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client


async def say(http: httpx.AsyncClient, text: str, sender: str = "ada") -> list[Json]:
    """Say something over REST."""
    answer = await http.post("/webhooks/rest/webhook", json={"sender": sender, "message": text})
    assert answer.status_code == 200, answer.text
    replies: list[Json] = answer.json()
    return replies


async def test_tracker_of_a_conversation(http: httpx.AsyncClient) -> None:
    """The tracker shows slots, the newest message and the events, each with the model's id."""
    await say(http, "I am Ada")
    tracker = (await http.get("/conversations/ada/tracker")).json()

    assert tracker["slots"]["who"] == "Ada"
    assert tracker["latest_message"]["intent"]["name"] == "name"
    assert tracker["latest_action_name"] == "action_listen"
    assert [event["event"] for event in tracker["events"][:3]] == ["action", "session_started", "action"]
    assert all("model_id" in event["metadata"] for event in tracker["events"])


async def test_tracker_of_an_unknown_conversation_is_not_saved(http: httpx.AsyncClient, server: Running) -> None:
    """Looking at an unknown id shows a session start; the log stays empty."""
    tracker = (await http.get("/conversations/a/b c/tracker")).json()
    head = await server.conversations.engine.store.head("a/b c")

    assert tracker["sender_id"] == "a/b c"
    assert len(tracker["events"]) == 3
    assert head is not None
    assert head.version == 0


@pytest.mark.parametrize(("asked", "count"), [("ALL", 8), ("applied", 6), ("After_Restart", 8), ("NONE", None)])
async def test_include_events(http: httpx.AsyncClient, asked: str, count: int | None) -> None:
    """The events that are asked for, in any spelling of the word."""
    await say(http, "hello")
    tracker = (await http.get("/conversations/ada/tracker", params={"include_events": asked})).json()

    assert (tracker["events"] and len(tracker["events"])) == count


async def test_posted_events_and_their_answer(http: httpx.AsyncClient) -> None:
    """One event or several are appended and show in the answer's tracker."""
    one = await http.post("/conversations/ada/tracker/events", json={"event": "slot", "name": "who", "value": "Eve"})
    several = await http.post(
        "/conversations/ada/tracker/events", json=[{"event": "pause"}, {"event": "slot", "name": "who", "value": 5}]
    )

    assert one.json()["slots"]["who"] == "Eve"
    assert (several.json()["paused"], several.json()["slots"]["who"]) == (True, 5)


async def test_replaced_events(http: httpx.AsyncClient) -> None:
    """PUT leaves nothing but what it brings."""
    await say(http, "hello")
    tracker = (
        await http.put("/conversations/ada/tracker/events", json=[{"event": "slot", "name": "who", "value": "Put"}])
    ).json()

    assert [event["event"] for event in tracker["events"]] == ["slot"]
    assert (tracker["slots"]["who"], tracker["followup_action"]) == ("Put", "action_listen")


async def test_story(http: httpx.AsyncClient) -> None:
    """A conversation as a test story, entities marked and payloads left alone."""
    await say(http, "I am Ada")
    await say(http, "/greet")
    story = await http.get("/conversations/ada/story")

    assert story.headers["content-type"].startswith("text/plain")
    assert story.text == (
        'version: "3.1"\nstories:\n- story: ada\n  steps:\n  - intent: name\n    user: |-\n      I am [Ada](who)\n'
        "  - slot_was_set:\n    - who: Ada\n  - action: utter_name\n  - intent: greet\n    user: |-\n      /greet\n"
        "  - action: utter_greet\n"
    )


async def test_story_of_an_empty_conversation(http: httpx.AsyncClient) -> None:
    """A conversation without messages has no stories."""
    await http.get("/conversations/ada/tracker")

    assert (await http.get("/conversations/ada/story")).text == 'version: "3.1"\n'


async def test_story_with_a_value_of_several_lines(http: httpx.AsyncClient) -> None:
    """A slot value with line breaks is one line of YAML."""
    value = "two\nlines"
    await say(http, "hello")
    await http.post("/conversations/ada/tracker/events", json={"event": "slot", "name": "who", "value": value})

    assert '    - who: "two\\nlines"' in (await http.get("/conversations/ada/story")).text.splitlines()


async def test_no_latest_action_is_an_empty_object(http: httpx.AsyncClient) -> None:
    """After a restart, `latest_action` is an empty object, as in Rasa."""
    await say(http, "hello")
    tracker = (await http.post("/conversations/ada/tracker/events", json={"event": "restart"})).json()

    assert (tracker["latest_action"], tracker["latest_action_name"]) == ({}, None)


async def test_execute_and_trigger_answer_with_what_is_said(http: httpx.AsyncClient) -> None:
    """Both answer with the messages and the tracker after them."""
    await say(http, "hello")
    executed = (await http.post("/conversations/ada/execute", json={"name": "utter_ping"})).json()
    triggered = (
        await http.post("/conversations/ada/trigger_intent", json={"name": "name", "entities": {"who": "T"}})
    ).json()

    assert executed["messages"] == [{"recipient_id": "ada", "text": "Ping."}]
    assert executed["tracker"]["latest_action_name"] == "utter_ping"
    assert triggered["messages"] == [{"recipient_id": "ada", "text": "Hello, T."}]
    assert triggered["tracker"]["latest_message"]["metadata"]["is_external"] is True


async def test_predict_says_and_does_nothing(http: httpx.AsyncClient, server: Running) -> None:
    """A prediction is the policies' opinion, sorted; the log stays as it is."""
    await http.post("/conversations/ada/messages", json={"text": "/greet", "sender": "user"})
    before = await server.conversations.engine.store.head("ada")
    answer = (await http.post("/conversations/ada/predict")).json()

    assert (answer["policy"], answer["scores"][0]["action"]) == ("RulePolicy", "utter_greet")
    scores = [each["score"] for each in answer["scores"]]
    assert scores == sorted(scores, reverse=True)
    assert await server.conversations.engine.store.head("ada") == before


async def test_predict_answers_with_the_followup_action(http: httpx.AsyncClient) -> None:
    """A follow-up action is the prediction, as in the next turn."""
    await say(http, "hello")
    await http.post("/conversations/ada/tracker/events", json={"event": "followup", "name": "utter_ping"})
    answer = (await http.post("/conversations/ada/predict")).json()

    assert (answer["policy"], answer["confidence"]) == ("followup_action", 1.0)
    assert answer["scores"][0] == {"action": "utter_ping", "score": 1.0}
    assert {each["score"] for each in answer["scores"][1:]} == {0.0}


MISTAKES: tuple[tuple[str, str, Any, int, str], ...] = (
    ("GET", "/conversations/ada/tracker?include_events=some", None, 400, "BadRequest"),
    ("GET", "/conversations/ada/tracker?until=tomorrow", None, 400, "BadRequest"),
    ("POST", "/conversations/ada/tracker/events", [], 400, "BadRequest"),
    ("POST", "/conversations/ada/tracker/events", {"event": "nonsense"}, 400, "BadRequest"),
    ("POST", "/conversations/ada/tracker/events", [5], 400, "BadRequest"),
    ("PUT", "/conversations/ada/tracker/events", {}, 400, "BadRequest"),
    ("GET", "/conversations/nobody/story", None, 404, "Not found"),
    ("POST", "/conversations/nobody/execute", {"name": "utter_ping"}, 404, "Not found"),
    ("POST", "/conversations/ada/execute", {}, 400, "BadRequest"),
    ("POST", "/conversations/ada/execute", {"name": "utter_nothing"}, 500, "ConversationError"),
    ("POST", "/conversations/nobody/predict", None, 404, "Not found"),
    ("POST", "/conversations/ada/trigger_intent", {"name": "nothing"}, 404, "NotFound"),
    ("POST", "/conversations/ada/trigger_intent", {"name": "name", "entities": "x"}, 400, "BadRequest"),
    ("POST", "/conversations/ada/trigger_intent", {"entities": []}, 400, "BadRequest"),
    ("POST", "/conversations/ada/messages", {"text": "x", "sender": "bot"}, 400, "BadRequest"),
    ("POST", "/conversations/ada/messages", {"sender": "user"}, 400, "BadRequest"),
)


async def test_errors_have_the_shape_of_the_api(http: httpx.AsyncClient) -> None:
    """Every mistake is answered with its status and an object that says what it was."""
    await say(http, "hello")
    for method, path, body, status, reason in MISTAKES:
        answer = await http.request(method, path, json=body)
        error = answer.json()

        expected = (status, status, reason, "failure")
        assert (answer.status_code, error["code"], error["reason"], error["status"]) == expected, (path, body)
        assert error["message"], (path, body)


async def test_api_is_off_by_default(tmp_path: Path) -> None:
    """Without --enable-api nobody reads a conversation; the channels work."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        assert await say(http, "hello") == [{"recipient_id": "ada", "text": "Hello."}]
        statuses = {
            path: (await http.get(path)).status_code for path in ("/conversations/ada/tracker", "/status", "/domain")
        }

    assert set(statuses.values()) == {404}


def bearer(**user: object) -> dict[str, str]:
    """The header of a signed token."""
    return {"Authorization": f"Bearer {jwt.encode({'user': user}, SIGNING_KEY, 'HS256')}"}


async def test_token_and_jwt_guard_the_api(tmp_path: Path) -> None:
    """A token or an admin's JWT opens everything, a user's JWT their own conversation, anything else nothing."""
    ways_in: dict[str, Any] = {"auth_token": "t0ken", "jwt_secret": SIGNING_KEY}
    async with (
        running(tmp_path, enable_api=True, **ways_in) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        await say(http, "hello")  # channels ask for no token
        path = "/conversations/ada/tracker"
        given: list[tuple[str, dict[str, str]]] = [
            (path, {}),
            (f"{path}?token=wrong", {}),
            (path, {"Authorization": "Bearer nonsense"}),
            (path, {"Authorization": f"Bearer {jwt.encode({'user': {'role': 'admin'}}, 'x' * 32, 'HS256')}"}),
            (path, bearer(username="bob", role="user")),
            ("/status", bearer(username="ada", role="user")),
            (f"{path}?token=t0ken", {}),
            (path, bearer(username="root", role="admin")),
            (path, bearer(username="ada", role="user")),
            ("/version", {}),
        ]
        answers = [await http.get(url, headers=headers) for url, headers in given]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 403, 403, 200, 200, 200, 200]
    assert answers[0].json()["reason"] == "NotAuthenticated"
    assert answers[4].json()["reason"] == "NotAuthorized"


async def test_other_origins_only_with_cors(tmp_path: Path) -> None:
    """Without --cors no other origin's page may read an answer; with it, that one may."""
    origin = {"Origin": "https://shop.example"}
    body = {"sender": "ada", "message": "hello"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        running(tmp_path / "a") as closed,
        running(tmp_path / "b", cors=("https://shop.example",)) as opened,
        httpx.AsyncClient() as http,
    ):
        without = await http.post(f"{closed.url}/webhooks/rest/webhook", json=body, headers=origin)
        with_cors = await http.post(f"{opened.url}/webhooks/rest/webhook", json=body, headers=origin)
        other = await http.post(
            f"{opened.url}/webhooks/rest/webhook", json=body, headers={"Origin": "https://evil.example"}
        )

    assert "access-control-allow-origin" not in without.headers
    assert with_cors.headers["access-control-allow-origin"] == "https://shop.example"
    assert "filename" in with_cors.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers


async def test_unknown_routes_are_plain_pages(http: httpx.AsyncClient) -> None:
    """A path that nothing serves is a line of text, or an object for clients that send JSON."""
    missing = await http.get("/no_such_route")
    method = await http.post("/conversations/ada/tracker", json={})

    assert (missing.status_code, missing.headers["content-type"].split(";")[0]) == (404, "text/plain")
    assert (method.status_code, method.json()["status"]) == (405, 405)


@pytest.mark.parametrize("sender", ["a/b", "50%", "a%2Fb", "ä ö", "a\nb", "a?b#c", " first", "last/", "a\\b", "😀"])
async def test_ids_with_odd_characters(http: httpx.AsyncClient, sender: str) -> None:
    """A conversation is found under its id, whatever characters a front end puts into one."""
    await say(http, "hello", sender)
    tracker = (await http.get(f"/conversations/{quote(sender, safe='')}/tracker")).json()

    assert tracker["sender_id"] == sender
    assert tracker["latest_message"]["text"] == "hello"


async def test_a_slash_at_the_end_changes_nothing(http: httpx.AsyncClient) -> None:
    """As in Rasa, and without a redirect, after which many clients do not send a POST again."""
    said = await http.post("/webhooks/rest/webhook/", json={"sender": "ada", "message": "hello"})
    parsed = await http.post("/model/parse/", json={"text": "hello"})
    shown = [
        await http.get(path) for path in ("/status/", "/version/", "/conversations/ada/tracker/", "/webhooks/rest/")
    ]

    assert [answer.status_code for answer in (said, parsed, *shown)] == [200] * 6
    assert said.json()[0]["text"] == "Hello."


async def test_a_failed_action_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line with the code and the reason; the turn that ends for it adds none."""
    async with running(tmp_path, actions=Actions(failing)) as server, httpx.AsyncClient(base_url=server.url) as http:
        await say(http, "/act")

    said = [record for record in caplog.records if "nobody is there" in str(record.__dict__)]
    assert [record.getMessage() for record in said] == ["action failed"]
