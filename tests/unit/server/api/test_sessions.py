"""Protocol 1 over HTTP."""

import asyncio
import time
from pathlib import Path

import httpx
import socketio

from manent.core.events import Json
from support.small_talk import Actions, failing, running, until

MINTED = "socketio:\n  session_persistence: true\n  session_identity: minted\n"


async def ask(http: httpx.AsyncClient, name: str, **request: object) -> Json:
    """Make a request that succeeds."""
    answer = await http.post(f"/sessions/{name}", json=request)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    assert body["ok"] is True
    return body


async def test_a_whole_visit_without_a_socket(tmp_path: Path) -> None:
    """Join, speak, wait for the answer, speak again with the same id, page back."""
    async with running(tmp_path, credentials=MINTED) as server, httpx.AsyncClient(base_url=server.url) as http:
        session = await ask(http, "session_request", protocol=1)
        named = {"session_id": session["session_id"], "session_token": session["session_token"]}
        said = {**named, "message": "count", "message_id": "m1", "epoch": session["epoch"]}
        first = await ask(http, "user_uttered", **said)
        again = await ask(http, "user_uttered", **said)
        cursor = {"epoch": session["epoch"], "seq": session["seq"]}
        news = await ask(http, "events", **named, cursor=cursor, wait_s=5)
        page = await ask(http, "history_request", **named, before=news["messages"][1]["seq"])

    assert (first["duplicate"], again["duplicate"], first["seq"]) == (False, True, again["seq"])
    assert [message.get("message") or message["text"] for message in news["messages"]] == ["count", "One.\n\nTwo."]
    assert (news["gap"], [message["message"] for message in page["messages"]]) == (False, ["count"])


async def test_waiting_ends_with_the_news(tmp_path: Path) -> None:
    """A waiting request is answered when somebody else speaks, and in time when nobody does."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        session = await ask(http, "session_request", protocol=1, session_id="ada")
        cursor = {"epoch": session["epoch"], "seq": session["seq"]}
        began = time.monotonic()
        nothing = await ask(http, "events", session_id="ada", cursor=cursor, wait_s=0.2)
        waited = time.monotonic() - began
        waiting = asyncio.create_task(ask(http, "events", session_id="ada", cursor=cursor, wait_s=10))
        await until(lambda: bool(server.conversations.get("ada").subscribers))
        await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "hello"})
        news = await waiting
        await until(lambda: not server.conversations.get("ada").subscribers)

    assert (nothing["messages"], 0.15 < waited < 5) == ([], True)
    assert [message["role"] for message in news["messages"]] == ["user", "bot"]


async def test_failures_after_acceptance_reach_the_waiter(tmp_path: Path) -> None:
    """An action that fails is told in the log, as over a socket."""
    async with (
        running(tmp_path, actions=Actions(work=failing)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        session = await ask(http, "session_request", protocol=1, session_id="ada")
        await ask(http, "user_uttered", session_id="ada", message="work", message_id="m1")
        cursor = {"epoch": session["epoch"], "seq": session["seq"]}
        news = await ask(http, "events", session_id="ada", cursor=cursor, wait_s=0)
        while len(news["messages"]) < 2:
            cursor = {"epoch": news["epoch"], "seq": session["seq"]}
            news = await ask(http, "events", session_id="ada", cursor=cursor, wait_s=1)

    assert news["messages"][1]["role"] == "bot"


async def test_reset_and_erase_tell_the_sockets(tmp_path: Path) -> None:
    """A socket in the conversation learns of what was asked for over HTTP."""
    told: list[Json] = []
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        socket = socketio.AsyncClient(reconnection=False)
        socket.on("session_changed", told.append)
        await socket.connect(server.url, transports=["websocket"])
        joined = await socket.call("session_request", {"protocol": 1, "session_id": "ada"})
        erased = await ask(http, "session_erase", session_id="ada")
        await until(lambda: len(told) == 1)
        await socket.call("session_request", {"protocol": 1, "session_id": "ada"})
        reset = await ask(http, "session_reset", session_id="ada")
        await until(lambda: len(told) == 2)
        await socket.disconnect()

    assert told == [
        {"reason": "erased", "session_id": "ada", "epoch": erased["epoch"]},
        {"reason": "reset", "session_id": reset["session_id"], "epoch": reset["epoch"]},
    ]
    assert erased["epoch"] != joined["epoch"]


async def test_refusals_have_code_and_status(tmp_path: Path) -> None:
    """What cannot be served is refused in the protocol's form, with the status of its code."""
    async with running(tmp_path, credentials=MINTED) as server, httpx.AsyncClient(base_url=server.url) as http:
        mine = await ask(http, "session_request", protocol=1)
        proof = {"session_id": mine["session_id"], "session_token": mine["session_token"]}
        cases: list[tuple[str, object, int, str]] = [
            ("user_uttered", {**proof, "message": "x" * 64_001, "message_id": "m"}, 413, "too_long"),
            ("user_uttered", {**proof, "message": "x", "title": "x" * 64_001, "message_id": "m"}, 413, "too_long"),
            ("session_request", {"protocol": 9}, 400, "unsupported_protocol"),
            ("session_request", {"protocol": 1, "session_id": mine["session_id"]}, 403, "forbidden"),
            ("user_uttered", {"session_id": mine["session_id"], "message": "x", "message_id": "m"}, 403, "forbidden"),
            ("history_request", {"before": 3}, 400, "bad_session_id"),
            ("events", {"session_id": mine["session_id"]}, 400, "bad_request"),
            ("events", {"session_id": "x", "cursor": {"epoch": "e", "seq": 0}, "wait_s": 26}, 400, "bad_request"),
            ("session_list", {}, 403, "not_available"),
            ("token_refresh", {}, 403, "not_available"),
            ("something", {}, 404, "unknown_request"),
            ("session_request", [], 400, "bad_request"),
        ]
        for name, request, status, code in cases:
            answer = await http.post(f"/sessions/{name}", json=request)
            body = answer.json()
            assert (answer.status_code, body["ok"], body["error"]["code"]) == (status, False, code), name
        broken = await http.post("/sessions/session_request", content=b"{")

    assert broken.json()["error"]["code"] == "bad_request"


async def test_rasas_jwt_mode_guards_the_http_form(tmp_path: Path) -> None:
    """With `jwt_key` the HTTP form asks for the token that the socket asks for."""
    import jwt

    key = "k" * 32
    credentials = f"socketio:\n  session_persistence: true\n  jwt_key: {key}\n"
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        body = {"protocol": 1, "session_id": "ada"}
        without = await http.post("/sessions/session_request", json=body)
        headers = {"Authorization": f"Bearer {jwt.encode({'sub': 'ada'}, key, 'HS256')}"}
        with_token = await http.post("/sessions/session_request", json=body, headers=headers)

    assert (without.status_code, with_token.status_code) == (401, 200)
