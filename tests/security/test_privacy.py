"""Erased data is removed from files and running actions, and old data is removed automatically."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from manent.core.events import Json
from manent.dialogue.steps import ActionResult
from security.sites import AUTH, JWT, KEY, Site, token
from support.small_talk import Actions, running, until

Serve = Callable[..., Site]

SECRET = "my account is 4711-0815"  # noqa: S105  # something that a visitor says
MINTED = "rest:\nsocketio:\n  session_persistence: true\n  session_identity: minted\n"


def bytes_of(folder: Path) -> bytes:
    """Return the content of the database's files, after a checkpoint."""
    (database,) = [path for path in folder.rglob("*") if path.suffix in (".db", ".sqlite", ".sqlite3")]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))


async def ask(http: httpx.AsyncClient, name: str, **request: object) -> Json:
    """Send a request that must succeed."""
    answer = await http.post(f"/sessions/{name}", json=request)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_erase_with_an_action_at_work_leaves_no_byte(tmp_path: Path) -> None:
    """An erasure does not wait for a running action. Its result is discarded, and the files have no trace."""
    answered = ActionResult(
        events=({"event": "slot", "name": "who", "value": SECRET},), responses=({"text": f"You said {SECRET}"},)
    )
    actions = Actions(work=lambda _: answered, hold=asyncio.Event())
    assert actions.hold is not None
    async with (
        running(tmp_path, credentials=MINTED, actions=actions) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        mine, other = [await ask(http, "session_request", protocol=1) for _ in range(2)]
        named = {key: mine[key] for key in ("session_id", "session_token")}
        await ask(http, "user_uttered", **named, message=SECRET, message_id="m1", metadata={"note": SECRET})
        await ask(http, "user_uttered", **named, message="work", message_id="m2", title=SECRET)
        await until(lambda: bool(actions.calls))
        waiting = await http.post("/webhooks/rest/webhook", json={"sender": "bystander", "message": "hello"})
        began = time.monotonic()
        fresh = await ask(http, "session_erase", **named)
        took = time.monotonic() - began
        actions.hold.set()
        await asyncio.sleep(0.2)
        late = await http.post(
            "/sessions/user_uttered", json={**named, "message": SECRET, "message_id": "m3", "epoch": mine["epoch"]}
        )
        kept = await server.conversations.engine.store.head(other["session_id"])
        gone = await server.conversations.engine.store.head(mine["session_id"])

        assert SECRET.encode() not in bytes_of(tmp_path)
        assert mine["session_id"].encode() not in bytes_of(tmp_path)

    assert took < 5  # the action never ends by itself
    assert waiting.status_code == 200
    assert fresh["session_id"] != mine["session_id"]
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conversation_changed")
    assert kept is not None
    assert gone is None


async def test_messages_that_wait_are_erased_with_the_rest(tmp_path: Path) -> None:
    """Messages that wait behind a slow action are rejected by an erasure and never return."""
    actions = Actions(hold=asyncio.Event())
    async with running(tmp_path, actions=actions) as server, httpx.AsyncClient(base_url=server.url) as http:
        await ask(http, "session_request", protocol=1, session_id="ada")
        busy = asyncio.create_task(http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "work"}))
        await until(lambda: bool(actions.calls))
        behind = asyncio.create_task(http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": SECRET}))
        await until(lambda: server.conversations.waiting == 1)
        erased = await ask(http, "session_erase", session_id="ada")
        answers = [(await task).status_code for task in (busy, behind)]
        entries = await server.conversations.engine.store.entries("ada")

        assert SECRET.encode() not in bytes_of(tmp_path)

    assert answers == [409, 409]
    assert erased["messages"] == []
    assert entries == []


async def test_delete_by_the_management_api(serve: Serve) -> None:
    """An operator can erase one conversation by its id. Its tabs are notified, and other conversations are kept."""
    site = serve("--enable-api", "--auth-token", AUTH, credentials=MINTED.replace("minted", "open"))
    async with site.visitor() as ada, httpx.AsyncClient(base_url=site.url) as http:
        await ada.join(session_id="ada/1")
        await ada.ask("user_uttered", session_id="ada/1", message=SECRET, message_id="m1")
        await ada.wait("bot_uttered")
        await site.post("/webhooks/rest/webhook", {"sender": "bob", "message": "hello"})
        headers = {"Authorization": f"Bearer {AUTH}"}
        refused = await http.delete("/conversations/ada/1")
        done = await http.delete("/conversations/ada/1", headers=headers)
        again = await http.delete("/conversations/ada/1", headers=headers)
        told = await ada.wait("session_changed")
        bob = await http.get("/conversations/bob/tracker", headers=headers)

    assert [answer.status_code for answer in (refused, done, again)] == [401, 204, 404]
    assert told == [{"reason": "erased", "session_id": "ada/1", "epoch": ""}]
    assert SECRET.encode() not in bytes_of(site.folder)
    assert len(bob.json()["events"]) > 3
    assert SECRET not in site.log


async def test_export_has_all_and_after_an_erase_nothing(serve: Serve) -> None:
    """An export has texts, metadata, titles and slots, as JSON and as a page, and is only for operators."""
    site = serve("--enable-api", "--auth-token", AUTH, credentials=MINTED.replace("minted", "open"))
    async with site.visitor() as ada, httpx.AsyncClient(base_url=site.url) as http:
        await ada.join(session_id="ada/1")
        said = {"message": "I am Ada", "message_id": "m1", "metadata": {"page": SECRET}, "title": "Me"}
        await ada.ask("user_uttered", session_id="ada/1", **said)
        await ada.wait("bot_uttered")
        http.headers["Authorization"] = f"Bearer {AUTH}"
        kept = (await http.get("/conversations/ada/1/export")).json()
        text = await http.get("/conversations/ada/1/export?format=transcript")
        wrong = await http.get("/conversations/ada/1/export?format=pdf")
        refused = await http.get("/conversations/ada/1/export", headers={"Authorization": ""})
        await http.delete("/conversations/ada/1")
        gone = await http.get("/conversations/ada/1/export")

    user = next(event for event in kept["events"] if event["event"] == "user")
    assert (kept["sender_id"], kept["slots"]["who"], user["title"]) == ("ada/1", "Ada", "Me")
    assert user["metadata"]["page"] == SECRET
    assert [event["seq"] for event in kept["events"]] == list(range(1, len(kept["events"]) + 1))
    assert "  visitor  Me\n" in text.text
    assert "  bot      Hello, Ada.\n" in text.text
    assert "\n  who: Ada\n" in text.text.partition("Remembered:")[2]
    assert [answer.status_code for answer in (wrong, refused, gone)] == [400, 401, 404]


async def test_every_table_forgets(tmp_path: Path) -> None:
    """An erasure deletes the conversation's events, snapshots, reminders and message ids, and no others."""
    reminder = {"event": "reminder", "intent": "ping", "name": SECRET, "date_time": "2999-01-01T00:00:00"}
    actions = Actions(work=lambda _: ActionResult(events=(reminder,)))
    tables = ("conversations", "events", "accepted", "snapshots", "reminders")

    def counted() -> list[int]:
        with closing(sqlite3.connect(database)) as connection:
            return [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]  # noqa: S608

    async with (
        running(tmp_path, credentials=MINTED.replace("minted", "open"), actions=actions) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        database = tmp_path / "conversations.db"
        await ask(http, "session_request", protocol=1, session_id="bob")
        before = counted()
        await ask(http, "session_request", protocol=1, session_id="ada")
        await ask(http, "user_uttered", session_id="ada", message="work", message_id=SECRET)
        for number in range(50):
            await ask(http, "user_uttered", session_id="ada", message="hello", message_id=f"m{number}")
        await until(lambda: all(more > less for more, less in zip(counted(), before, strict=True)))
        await server.conversations.get("ada").erase(new_epoch=None)

        assert counted() == before
        assert SECRET.encode() not in bytes_of(tmp_path)
        await ask(http, "session_request", protocol=1, session_id="ada")
        again = await ask(http, "user_uttered", session_id="ada", message="other text", message_id=SECRET)

    assert again["duplicate"] is False


async def test_old_conversations_go_by_themselves(serve: Serve) -> None:
    """After the retention period, a conversation is deleted, and the files have no trace."""
    site = serve(credentials="rest:\n", endpoints="conversations:\n  retention_days: 0.00002\n")  # 1.7 s
    await site.post("/webhooks/rest/webhook", {"sender": "ada", "message": SECRET})
    assert SECRET.encode() in bytes_of(site.folder)

    async with asyncio.timeout(30):
        while SECRET.encode() in bytes_of(site.folder):  # noqa: ASYNC110  # another process does it
            await asyncio.sleep(0.2)


async def test_logs_hold_no_message_and_no_token(serve: Serve) -> None:
    """Above level DEBUG, messages are not logged, even if an action fails. Tokens are redacted at every level."""
    site = serve("--enable-api", "--auth-token", "s3cret-of-the-admin", credentials=MINTED.replace("minted", "open"))
    async with site.visitor() as ada:
        await ada.join(session_id="ada")
        for number, text in enumerate((SECRET, "work", f"/name{{{SECRET}")):
            await ada.ask("user_uttered", session_id="ada", message=text, message_id=f"m{number}")
        await ada.wait("bot_uttered", 3)
    async with httpx.AsyncClient(base_url=site.url) as http:
        await http.get("/conversations/ada/tracker?token=s3cret-of-the-admin")
        await http.get("/nowhere?token=s3cret-of-the-admin")
    site.process.terminate()
    site.process.wait(20)

    assert "action failed" in site.log
    assert SECRET not in site.log
    assert "s3cret-of-the-admin" not in site.log


@pytest.mark.parametrize("form", ["", "json"])
async def test_debug_logs_of_a_site_with_logins_hold_no_secret(serve: Serve, form: str) -> None:
    """At level DEBUG, no token, session token or key is logged, over any transport and for any token."""
    key = "a key that nobody may ever see in any log file"
    credentials = JWT.replace(KEY, key) + "  jwt_anonymous: minted\n"
    site = serve(
        "--enable-api",
        "--auth-token",
        "s3cret-of-the-admin",
        "--debug",
        credentials=credentials,
        environment={"MANENT_LOG_FORMAT": form},
    )
    good, other = token("ada", key=key, jti="id-of-a-token"), token("ada", key=key, lifetime_s=900)
    bad = [token("eve"), token("ada", key=key, lifetime_s=-5)]
    async with site.visitor() as before, site.visitor(good) as after, site.visitor(good) as plain:
        begun = await before.join()
        proof = {"session_id": begun["session_id"], "session_token": begun["session_token"]}
        await before.ask("user_uttered", **proof, message="hello", message_id="m1")
        await after.join(**proof)
        await after.ask("token_refresh", token=other)
        for one in bad:
            await after.ask("token_refresh", token=one)
        await after.ask("session_request", protocol=1, session_id="foreign", session_token={"token": other})
        await plain.socket.emit("session_request", {"session_id": f"{begun['session_id']}.{begun['session_token']}"})
        await plain.socket.emit("user_uttered", {"session_id": [other], "message": {"token": other}})
        await plain.wait("error")
    for one in bad:
        await site.refused(one)
        await site.post("/sessions/session_request", {"protocol": 1, **proof}, one)
        await site.post("/webhooks/rest/webhook", {"sender": "x", "message": "hello"}, one)
    await site.post("/admin/revoke?token=s3cret-of-the-admin", {"token_id": "id-of-a-token"})
    async with httpx.AsyncClient(base_url=site.url) as http:
        for path in ("/conversations/ada/tracker", "/status", "/nowhere", "/socket.io/"):
            await http.get(f"{path}?token=s3cret-of-the-admin")
    site.process.terminate()
    site.process.wait(20)

    assert "DEBUG" in site.log or '"debug"' in site.log
    for secret in (good, other, *bad, key, begun["session_token"], "s3cret-of-the-admin"):
        assert secret not in site.log
        assert secret.rpartition(".")[2] not in site.log  # a signature
