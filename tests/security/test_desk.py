"""Attacks on the desk: who can use it, and which data never leaves it."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from manent.core.events import Json
from manent.desk.members import invite, remove
from manent.runtime.export import entries_of, pieces
from manent.runtime.ports.actions import ActionCall
from manent.runtime.ports.desk import Role
from manent.stores.desk.tables import open_desk_tables
from support.desks import API, Op, eventually, listed, operator, visit
from support.small_talk import Actions, Running, running, until

DESK = "desk: {}\n"
KEY = "k" * 32

READS = (
    "/me",
    "/conversations",
    "/conversations/vera",
    "/events",
    "/search?q=hello",
    "/members",
    "/numbers",
    "/canned",
    "/review/messages",
    "/review/annotations.yml",
    "/webhooks",
)
CHANGES = (
    *(
        f"/conversations/vera/{name}"
        for name in (
            "take",
            "say",
            "hand_back",
            "assign",
            "release",
            "close",
            "request_handoff",
            "note",
            "labels",
            "typing",
            "read",
            "test",
        )
    ),
    "/review/annotations",
    "/webhooks",
    "/sign_out",
)
NEEDED: dict[str, tuple[Role, ...]] = {
    "/review/messages": ("reviewer", "admin"),
    "/review/annotations.yml": ("reviewer", "admin"),
    "/review/annotations": ("reviewer", "admin"),
    "/webhooks": ("admin",),
    "/conversations/vera/read": ("viewer", "operator", "reviewer", "admin"),
    "/conversations/vera/test": ("viewer", "operator", "reviewer", "admin"),
    "/sign_out": ("viewer", "operator", "reviewer", "admin"),
}
"""Roles that may send a request, if not all may read and operators and administrators may change."""


async def test_without_a_session_nothing_is_shown(tmp_path: Path) -> None:
    """Every path of the API answers 401 without a session, with a made-up cookie and with a foreign token."""
    async with running(tmp_path, endpoints=DESK) as server, httpx.AsyncClient(base_url=server.url) as http:
        await visit(server, "hello")
        token = jwt.encode({"sub": "eve", "role": "admin"}, KEY)
        headers: list[dict[str, str]] = [
            {}, {"Cookie": "manent_desk=made-up"}, {"Cookie": "manent_desk="}, {"Authorization": f"Bearer {token}"},
        ]  # fmt: skip
        for given in headers:
            for path in READS:
                answer = await http.get(API + path, headers=given)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated"), path
            for path in CHANGES:
                assert (await http.post(API + path, headers=given, json={})).status_code == 401, path
            assert (await http.put(f"{API}/canned/x", headers=given, json={"text": "x"})).status_code == 401
            assert (await http.delete(f"{API}/webhooks/x", headers=given)).status_code == 401
        assert (await server.conversations.engine.store.entries("vera"))[-1].seq < 20


@pytest.mark.parametrize("role", ["viewer", "operator", "reviewer", "admin"])
async def test_a_role_permits_only_its_requests(tmp_path: Path, role: Role) -> None:
    """A request that a role does not permit is answered with 403 and changes nothing; other requests are not."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server, "Pat", role) as pat:
        await visit(server, "hello")
        for path in READS[:-3]:
            if path != "/events":
                assert (await pat.http.get(API + path)).status_code == 200, path
        for path in READS[-3:]:
            refused = role not in NEEDED[path]
            assert ((await pat.http.get(API + path)).status_code == 403) is refused, path
        for path in CHANGES:
            refused = role not in NEEDED.get(path, ("operator", "admin"))
            answer = await pat.http.post(API + path, headers={"X-CSRF-Token": pat.csrf}, json={})
            assert (answer.status_code == 403) is refused, (path, answer.text)
        if role in ("viewer", "reviewer"):
            shown = await server.conversations.engine.store.head("vera")
            assert shown is not None
            assert shown.handling.handler == "bot"


async def test_a_page_of_another_site_changes_nothing(tmp_path: Path) -> None:
    """A change with the cookie needs the CSRF token, and no request with the origin of another site is served."""
    async with running(tmp_path, endpoints=DESK, cors=("*",)) as server, operator(server) as ada:
        await visit(server, "hello")
        wrong: list[dict[str, str | bytes]] = [
            {},
            {"X-CSRF-Token": "wrong"},
            {"X-CSRF-Token": ""},
            {"X-CSRF-Token": "ä".encode()},
        ]
        for headers in wrong:
            answer = await ada.http.post(f"{API}/conversations/vera/take", json={}, headers=headers)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")
        foreign = {"Origin": "https://evil.example", "X-CSRF-Token": ada.csrf}
        for method, path in (("GET", "/me"), ("GET", "/conversations/vera"), ("POST", "/conversations/vera/take")):
            answer = await ada.http.request(method, API + path, headers=foreign)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
        joined = await ada.http.post("/desk/join", data={"invitation": "x"}, headers=foreign)
        assert joined.status_code == 403
        await ada.act("vera", "take")


async def test_an_invitation_works_once(tmp_path: Path) -> None:
    """An invitation can be previewed and used once. A used, revoked or wrong link gives no session."""
    async with running(tmp_path, endpoints=DESK) as server, httpx.AsyncClient(base_url=server.url) as http:
        tables = open_desk_tables(server.conversations.engine.store)
        _, token = await invite(tables, "Ada", "operator")
        for _ in range(3):
            preview = await http.get("/desk/join", params={"invitation": token})
            assert (preview.status_code, "set-cookie" in preview.headers) == (200, False)
            assert "script" not in preview.text
        joined = await http.post("/desk/join", data={"invitation": token})
        assert (joined.status_code, joined.headers["location"]) == (303, "/desk")
        cookie = joined.headers["set-cookie"].lower()
        assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/desk"))
        http.cookies.clear()
        for tried in (token, "", "x" * 10_000, "wrong"):
            again = await http.post("/desk/join", data={"invitation": tried})
            assert (again.status_code, "set-cookie" in again.headers) == (403, False)
        _, revoked = await invite(tables, "Bob", "operator")
        await remove(tables, "bob")
        assert (await http.post("/desk/join", data={"invitation": revoked})).status_code == 403
        stored = [str(row) for row in await tables.audit_records()]
        assert not any(secret in row for row in stored for secret in (token, revoked))


async def test_cookies_are_secure_behind_tls(tmp_path: Path) -> None:
    """If browsers reach the server over TLS, the cookie is never sent without it."""
    async with (
        running(tmp_path, endpoints="desk: {public_url: 'https://chat.example'}\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        _, token = await invite(open_desk_tables(server.conversations.engine.store), "Ada", "operator")
        joined = await http.post("/desk/join", data={"invitation": token})
        assert "secure" in joined.headers["set-cookie"].lower()


async def test_sign_in_below_the_path_of_a_proxy(tmp_path: Path) -> None:
    """If `public_url` has a path, the sign-in page and the cookie are limited to that path."""
    async with (
        running(tmp_path, endpoints="desk: {public_url: 'https://chat.example/bots/one/'}\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        _, token = await invite(open_desk_tables(server.conversations.engine.store), "Ada", "operator")
        page = await http.get("/desk/join", params={"invitation": token})
        assert 'action="join"' in page.text
        assert 'href="/bots/one/desk/desk.css"' in page.text
        joined = await http.post("/desk/join", data={"invitation": token})
        assert joined.headers["location"] == "/bots/one/desk"
        assert "path=/bots/one/desk;" in joined.headers["set-cookie"].lower() + ";"


async def test_guessing_links_is_slowed_down(tmp_path: Path) -> None:
    """An address that tries many links is rejected for a while, even with a valid link."""
    async with running(tmp_path, endpoints=DESK) as server, httpx.AsyncClient(base_url=server.url) as http:
        tried = [(await http.post("/desk/join", data={"invitation": f"{n}"})).status_code for n in range(25)]
        assert set(tried[:20]) == {403}
        assert tried[-1] == 429
        _, token = await invite(open_desk_tables(server.conversations.engine.store), "Ada", "operator")
        assert (await http.post("/desk/join", data={"invitation": token})).status_code == 429


async def test_a_stolen_cookie_ends_with_the_member(tmp_path: Path) -> None:
    """When a member is removed, their sessions end on all servers, and open streams are closed."""
    async with (
        running(tmp_path, endpoints=DESK) as server,
        running(tmp_path, endpoints=DESK) as other,
        operator(server) as ada,
        httpx.AsyncClient(base_url=other.url, cookies=dict(ada.http.cookies)) as thief,
    ):
        await visit(server, "hello")
        assert (await thief.get(f"{API}/me")).status_code == 200
        stolen = Op(thief, "thief")
        async with stolen.following():
            await remove(open_desk_tables(server.conversations.engine.store), "ada")
            await until(lambda: not _pages(other))
        for http in (thief, ada.http):
            assert (await http.get(f"{API}/conversations/vera")).status_code == 401
            answer = await http.post(f"{API}/conversations/vera/take", json={}, headers={"X-CSRF-Token": ada.csrf})
            assert answer.status_code == 401


async def test_signing_out_ends_the_session(tmp_path: Path) -> None:
    """After a sign-out, the cookie is no longer valid."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        cookies = dict(ada.http.cookies)
        await ada.post("/sign_out")
        async with httpx.AsyncClient(base_url=server.url, cookies=cookies) as thief:
            assert (await thief.get(f"{API}/me")).status_code == 401


async def test_tokens_of_an_identity_system(tmp_path: Path) -> None:
    """With jwt, only valid tokens with a role are accepted. Expired, forged and revoked tokens and cookies are not."""
    endpoints = f"desk:\n  identity: jwt\n  jwt_key: {KEY}\n  jwt_issuer: idp\n"
    async with (
        running(tmp_path, endpoints=endpoints, credentials="rest:\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        await visit(server, "hello")

        async def status(key: str = KEY, path: str = "/me", **claims: Any) -> int:
            token = jwt.encode({"iss": "idp", "exp": time.time() + 60, **claims}, key)
            return (await http.get(API + path, headers={"Authorization": f"Bearer {token}"})).status_code

        assert await status(sub="ada", role="operator", name="Ada") == 200
        assert await status(sub="ada") == 403
        assert await status(sub="ada", role="owner") == 403
        assert await status(sub="ada", role="operator", exp=time.time() - 60) == 401
        assert await status(sub="ada", role="admin", iss="other") == 401
        assert await status("x" * 32, sub="ada", role="admin") == 401
        assert await status(role="admin") == 401
        assert await status(sub="vic", role="viewer", path="/review/messages") == 403
        good = {"iss": "idp", "sub": "ada", "role": ["viewer", "operator"], "name": "Ada"}
        bearer = {"Authorization": f"Bearer {jwt.encode(good, KEY)}"}
        taken = await http.post(f"{API}/conversations/vera/take", json={}, headers=bearer)
        assert taken.json()["head"]["operator"] == {"id": "ada", "name": "Ada"}
        tables = open_desk_tables(server.conversations.engine.store)
        _, invitation = await invite(tables, "Eve", "admin")
        assert (await http.post("/desk/join", data={"invitation": invitation})).status_code == 404
        await remove(tables, "ada")
        assert (await http.get(f"{API}/me", headers=bearer)).status_code == 403


async def test_a_note_leaves_by_no_outlet(tmp_path: Path) -> None:
    """A note is in no answer, tracker, action call, broker message or export, and visitors do not receive it."""
    calls: list[ActionCall] = []
    actions = Actions()
    work = actions.work
    actions.work = lambda call: (calls.append(call), work(call))[1]  # type: ignore[func-returns-value]
    endpoints = DESK + "event_broker: {type: file, path: events.jsonl}\n"
    async with (
        running(tmp_path, endpoints=endpoints, enable_api=True, actions=actions) as server,
        operator(server) as ada,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        session = (await http.post("/sessions/session_request", json={"protocol": 1, "session_id": "vera"})).json()
        await visit(server, "hello")
        await ada.act("vera", "take")
        await ada.act("vera", "note", text="SECRET about the visitor")
        await ada.act("vera", "labels", add=["SECRET-label"])
        await ada.act("vera", "say", text="Hello from Ada", message_id="m1")
        await ada.act("vera", "hand_back", note="SECRET at the end")
        seen = [str(await visit(server, "work"))]
        cursor = {"epoch": session["epoch"], "seq": 0}
        for name, body in (
            ("session_request", {"protocol": 1, "accepts": ["agent"]}),
            ("events", {"cursor": cursor, "accepts": ["agent"]}),
            ("history_request", {"before": 10**6}),
        ):
            seen.append((await http.post(f"/sessions/{name}", json={"session_id": "vera", **body})).text)
        seen += [
            (await http.get(f"/conversations/vera/{path}")).text
            for path in ("tracker?include_events=ALL", "story", "export", "export?format=transcript")
        ]
        store = server.conversations.engine.store
        head = await store.head("vera")
        assert head is not None
        seen.append(b"".join([piece async for piece in pieces(store, head, "json")]).decode())
        seen.append(b"".join([piece async for piece in pieces(store, head, "transcript")]).decode())
        seen += [str(call.tracker) for call in calls]
        await until(lambda: "Done." in (tmp_path / "events.jsonl").read_text())
        seen.append((tmp_path / "events.jsonl").read_text())
        assert [entry async for entry in entries_of(store, "vera") if "SECRET" in str(entry.event)]
        assert "SECRET" in json.dumps(await ada.show("vera"))

    assert len(calls) == 1
    assert sum("Hello from Ada" in text for text in seen) >= 8
    for text in seen:
        assert "SECRET" not in text


async def test_every_read_and_change_is_recorded(tmp_path: Path) -> None:
    """The audit log has the member of each read and change, without texts of visitors."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        await visit(server, "hello my secret words")
        await ada.show("vera")
        await ada.act("vera", "take")
        await ada.act("vera", "say", text="my own words", message_id="m1")
        await listed(ada, 1)
        await ada.get("/search", q="secret")
        records = await open_desk_tables(server.conversations.engine.store).audit_records()

    done = [(one.member_id, one.action, one.sender_id) for one in reversed(records)]
    assert done == [
        ("", "member.invite", None),
        ("ada", "sign_in", None),
        ("ada", "read", "vera"),
        ("ada", "take", "vera"),
        ("ada", "say", "vera"),
        ("ada", "search", None),
    ]
    assert not re.search("words", str(records))


async def test_large_and_malformed_requests_are_rejected(tmp_path: Path) -> None:
    """Bodies, paths and parameters that are too long or malformed get an error with a code."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        await visit(server, "hello")
        await ada.act("vera", "take")
        await ada.act("vera", "say", 413, text="x" * 100_000, message_id="m1")
        await ada.act("vera", "say", 400, text="", message_id="m1")
        await ada.act("vera", "say", 400, text="x")
        await ada.act("vera", "say", 400, text="x", message_id="")
        await ada.act("vera", "labels", 400, add=["x" * 100])
        await ada.act("vera", "note", 400, text=" ")
        await ada.act("vera", "hand_back", 400, trigger="missing")
        await ada.get("/conversations", 400, limit=201)
        await ada.get("/conversations", 400, after="zz")
        await ada.get("/conversations", 400, handler="nobody")
        await ada.get("/conversations", 400, **{"from": "nan"})
        await ada.get("/search", 400, q="")
        await ada.show("x" * 300, 404)
        await ada.show("vera", 400, before="-1")
        big = await ada.http.post(
            f"{API}/conversations/vera/note", content=b"x" * 3_000_000, headers={"X-CSRF-Token": ada.csrf}
        )
        assert big.status_code == 413


async def test_markup_stays_text(tmp_path: Path) -> None:
    """Texts of visitors and operators are returned unchanged as JSON, and never as HTML."""
    attack = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    async with running(tmp_path, endpoints=DESK) as server, operator(server) as ada:
        await visit(server, attack)
        answer = await ada.http.get(f"{API}/conversations/vera")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        shown: Json = answer.json()
        assert shown["messages"][0]["message"] == attack
        hits = await eventually(lambda: ada.get("/search", q="onerror"), lambda found: bool(found["hits"]))
        assert attack[:50] in hits["hits"][0]["snippet"]
        page = await ada.http.get("/desk/join", params={"invitation": '"><script>alert(1)</script>'})
        assert "<script" not in page.text


async def test_a_webhook_leads_to_no_private_address(tmp_path: Path) -> None:
    """An administrator cannot make the server send requests to its own network."""
    async with running(tmp_path, endpoints=DESK) as server, operator(server, "Root", "admin") as root:
        for url in ("http://127.0.0.1:80/", "http://169.254.169.254/latest", "file:///etc/passwd", "http://[::1]/"):
            await root.post("/webhooks", 400, url=url, secret="s" * 16)
        assert (await root.get("/webhooks"))["webhooks"] == []
        await asyncio.sleep(0)


def _pages(server: Running) -> list[Any]:
    """Return the open pages of the desk on a server."""
    reader = next(
        one
        for one in server.conversations.engine.typing_readers
        if type(getattr(one, "__self__", None)).__name__ == "Feed"
    )
    pages: list[Any] = reader.__self__._pages  # type: ignore[attr-defined]
    return pages
