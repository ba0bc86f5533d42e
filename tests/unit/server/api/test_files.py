"""Files of visitors over HTTP, and in messages."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from manent.core.events import Json
from manent.dialogue.steps import ActionResult
from manent.files import visitor_files
from manent.runtime.ports.actions import ActionCall
from support.small_talk import Actions, Running, running, until
from unit.channels.sockets import page
from unit.channels.test_protocol1 import client

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
OPEN = "rest:\nsocketio:\n  session_persistence: true\n"
MINTED = "rest:\nsocketio:\n  session_persistence: true\n  session_identity: minted\n"
SCANNER = """
import sys

content = sys.stdin.buffer.read()
sys.exit(1 if b"virus" in content else 2 if b"odd" in content else 0)
"""


def on(more: str = "") -> str:
    """Return credentials that accept files."""
    return OPEN + "files:\n  place: files\n" + more


async def upload(
    http: httpx.AsyncClient, content: bytes = PNG, name: str = "cat.png", *, session_id: str = "ada", **fields: str
) -> httpx.Response:
    """Upload a file."""
    return await http.post(
        "/sessions/files", data={"session_id": session_id, **fields}, files={"file": (name, content, "text/html")}
    )


async def say(http: httpx.AsyncClient, message_id: str = "m1", **more: Any) -> httpx.Response:
    """Send a message, which is empty by default."""
    said = {"session_id": "ada", "message": "", "message_id": message_id, **more}
    return await http.post("/sessions/user_uttered", json=said)


async def messages(http: httpx.AsyncClient, session_id: str = "ada") -> list[Json]:
    """Return the conversation as a visitor sees it."""
    answer = await http.post("/sessions/session_request", json={"protocol": 1, "session_id": session_id})
    found: list[Json] = answer.json()["messages"]
    return found


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def stored(server: Running) -> list[str]:
    """Return the names of all files in the folder."""
    return sorted(path.name for path in (server.root / "files").rglob("*") if path.is_file())


async def test_a_file_in_a_message(tmp_path: Path) -> None:
    """The log contains the file with a link. The link returns the bytes as a download that no browser runs."""
    async with running(tmp_path, credentials=on()) as server, httpx.AsyncClient(base_url=server.url) as http:
        session = (await http.post("/sessions/session_request", json={"protocol": 1, "session_id": "ada"})).json()
        uploaded = (await upload(http, name="../../my <cat>.png")).json()
        said = await say(http, message="look", attachments=[uploaded["file_id"]])
        shown = (await messages(http))[0]
        [entry, *_] = [
            entry
            for entry in await server.conversations.engine.store.entries("ada")
            if entry.event.metadata.get("attachments")
        ]
        read = await http.get(shown["attachments"][0]["url"])

    assert session["files"]["max_size"] == 10_000_000
    assert (uploaded["name"], uploaded["mime"], uploaded["size"]) == ("my cat.png", "image/png", len(PNG))
    assert said.json()["ok"] is True
    assert shown["message"] == "look"
    assert {**shown["attachments"][0], "url": ""} == {**entry.event.metadata["attachments"][0], "url": ""}
    assert "ada" not in shown["attachments"][0]["url"]
    assert (read.status_code, read.content) == (200, PNG)
    headers = read.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-disposition"] == "attachment; filename=\"my cat.png\"; filename*=UTF-8''my%20cat.png"
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "private, no-store")
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_files_are_off(tmp_path: Path) -> None:
    """Without `files:`, uploads and attachments are refused, and clients are not offered to send files."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        session = await http.post("/sessions/session_request", json={"protocol": 1, "session_id": "ada"})
        uploaded = await upload(http)
        said = await say(http, attachments=["f" * 32])
        read = await http.get("/files/" + "f" * 32)

    assert "files" not in session.json()
    assert code(uploaded) == code(said) == code(read) == (403, "files_off")


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"<!doctype html><script>alert(1)</script>", "cat.png", (415, "file_type_refused")),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "cat.svg", (415, "file_type_refused")),
        (b"MZ\x90\x00" + bytes(200), "setup.txt", (415, "file_type_refused")),
        (PNG + bytes(2_000_000), "cat.png", (413, "file_too_large")),
        (PNG + bytes(1_000_001 - len(PNG)), "cat.png", (413, "file_too_large")),
    ],
)
async def test_refused_files(tmp_path: Path, content: bytes, name: str, expected: tuple[int, str]) -> None:
    """The content decides about the type. A refused file leaves neither bytes nor a record."""
    async with (
        running(tmp_path, credentials=on("  max_size_mb: 1\n  max_per_conversation: 1\n")) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        refused = await upload(http, content, name)
        assert stored(server) == []
        accepted = await upload(http)

    assert code(refused) == expected
    assert accepted.json()["ok"] is True


async def test_a_large_file_in_pieces(tmp_path: Path) -> None:
    """A body without an announced length that is too large is discarded, so that the client reads the error."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="session_id"\r\n\r\nada\r\n'
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(40):
            yield b"a" * 100_000

    async with (
        running(tmp_path, credentials=on("  max_size_mb: 1\n")) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        refused = await http.post("/sessions/files", content=pieces(), headers=headers)

    assert code(refused) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data; boundary=b", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"1" * 5_000 + b"\r\n--b--\r\n",
        ),
        (
            "multipart/form-data; boundary=b",
            (
                b'--b\r\nContent-Disposition: form-data; name="session_id"\r\n\r\nada\r\n'
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
            ),
        ),
        (
            "multipart/form-data; boundary=b",
            (
                b'--b\r\nContent-Disposition: form-data; name="session_id"\r\n\r\nada\r\n'
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n'
                b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n'
            ),
        ),
    ],
)
async def test_malformed_uploads(tmp_path: Path, content_type: str, body: bytes) -> None:
    """A body that is not a form with one file at its end is refused, and nothing remains."""
    async with running(tmp_path, credentials=on()) as server, httpx.AsyncClient(base_url=server.url) as http:
        refused = await http.post("/sessions/files", content=body, headers={"Content-Type": content_type})
        assert stored(server) == []

    assert code(refused) == (400, "bad_request")


async def test_limits_of_numbers(tmp_path: Path) -> None:
    """A conversation and a message have a maximum number of files."""
    credentials = on("  max_per_conversation: 3\n  max_per_message: 2\n")
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        ids = [(await upload(http)).json()["file_id"] for _ in range(3)]
        fourth = await upload(http)
        elsewhere = await upload(http, session_id="eve")
        three = await say(http, attachments=ids)

    assert code(fourth) == code(three) == (409, "too_many_files")
    assert elsewhere.status_code == 200


async def test_only_the_conversation_uses_its_files(tmp_path: Path) -> None:
    """Uploads need the session token, and a file can be named only in its own conversation and in one message."""
    async with (
        running(tmp_path, credentials=MINTED + "files:\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        ada, eve = [(await http.post("/sessions/session_request", json={"protocol": 1})).json() for _ in range(2)]
        token: dict[str, Any] = {"session_token": ada["session_token"]}
        without = await upload(http, session_id=ada["session_id"])
        uploaded = await upload(http, session_id=ada["session_id"], **token)
        named: dict[str, Any] = {"attachments": [uploaded.json()["file_id"]]}
        of_eve: dict[str, Any] = {"session_id": eve["session_id"], "session_token": eve["session_token"]}
        stolen = await say(http, **of_eve, **named)
        first = await say(http, session_id=ada["session_id"], **token, **named)
        again = await say(http, session_id=ada["session_id"], **token, **named)
        conflict = await say(http, session_id=ada["session_id"], **token)
        second = await say(http, "m2", session_id=ada["session_id"], **token, **named)

    assert code(without) == (403, "forbidden")
    assert code(stolen) == code(second) == (409, "unknown_file")
    assert (first.json()["duplicate"], again.json()["duplicate"]) == (False, True)
    assert code(conflict) == (409, "message_id_conflict")


@pytest.mark.parametrize("attachments", ["x", [1], [{"file_id": "x"}], ["a", "a"]])
async def test_malformed_attachments(tmp_path: Path, attachments: Any) -> None:
    """`attachments` is a list of different ids."""
    async with running(tmp_path, credentials=on()) as server, httpx.AsyncClient(base_url=server.url) as http:
        assert code(await say(http, attachments=attachments)) == (400, "bad_request")


async def test_links_are_signed_and_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is valid for its file, and for a limited time."""
    async with (
        running(tmp_path, credentials=on("  link_minutes: 5\n")) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        ids = [(await upload(http)).json()["file_id"] for _ in range(2)]
        await say(http, attachments=ids)
        urls = [one["url"] for one in (await messages(http))[0]["attachments"]]
        good = await http.get(urls[0])
        other = await http.get(urls[0].replace(ids[0], ids[1]))
        forged = [await http.get(f"/files/{ids[0]}{query}") for query in ("", "?expires=9e9&signature=x", "?expires=é")]
        files = server.conversations.engine.files
        assert isinstance(files, visitor_files.VisitorFiles)
        monkeypatch.setattr(files, "_now", lambda: 4e9)
        late = await http.get(urls[0])
        fresh = await http.get((await messages(http))[0]["attachments"][0]["url"])

    assert good.status_code == fresh.status_code == 200
    assert {code(one) for one in (other, late, *forged)} == {(403, "link_expired")}


async def test_erasing_removes_the_bytes(tmp_path: Path) -> None:
    """An erase removes the bytes of used and unused files, and their links end."""
    async with running(tmp_path, credentials=on()) as server, httpx.AsyncClient(base_url=server.url) as http:
        ids = [(await upload(http)).json()["file_id"] for _ in range(2)]
        await say(http, attachments=ids[:1])
        url = (await messages(http))[0]["attachments"][0]["url"]
        assert len(stored(server)) == 2
        await http.post("/sessions/session_erase", json={"session_id": "ada"})
        gone = await http.get(url)
        await until(lambda: stored(server) == [])

    assert code(gone) == (404, "unknown_file")


async def test_unused_and_old_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that no message names goes after an hour, and every file after `retention_days`."""
    credentials = on("  retention_days: 2\n")
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        ids = [(await upload(http)).json()["file_id"] for _ in range(2)]
        await say(http, attachments=ids[:1])
        files = server.conversations.engine.files
        assert isinstance(files, visitor_files.VisitorFiles)
        start = files._now()
        found = []
        for later in (3_000.0, 3_700.0, 100_000.0, 200_000.0):
            monkeypatch.setattr(files, "_now", lambda later=later: start + later)
            await files.remove_due()
            found.append(stored(server))

    assert found == [sorted(ids), ids[:1], ids[:1], []]


async def test_a_scanner_refuses(tmp_path: Path) -> None:
    """A program refuses a file with exit code 1. If it fails, the file is refused for now."""
    (tmp_path / "scan.py").write_text(SCANNER)
    command = f"  scan_command: ['{sys.executable}', '{tmp_path / 'scan.py'}']\n"
    async with running(tmp_path, credentials=on(command)) as server, httpx.AsyncClient(base_url=server.url) as http:
        good = await upload(http, b"good", "a.txt")
        virus = await upload(http, b"x" * 300_000 + b"virus", "a.txt")
        odd = await upload(http, b"odd", "a.txt")
        assert len(stored(server)) == 1

    assert good.status_code == 200
    assert code(virus) == (422, "file_refused")
    assert code(odd) == (503, "scanner_failed")


async def test_a_scanner_over_http(tmp_path: Path, unused_tcp_port_factory: Any) -> None:
    """A service refuses a file with status 422. If it cannot be reached, the file is refused for now."""
    from aiohttp import web

    async def scan(request: web.Request) -> web.Response:
        return web.Response(status=422 if b"virus" in await request.read() else 204)

    application = web.Application()
    application.router.add_post("/scan", scan)
    runner = web.AppRunner(application)
    await runner.setup()
    port = unused_tcp_port_factory()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    credentials = on(f"  scan_url: http://127.0.0.1:{port}/scan\n")
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        good = await upload(http, b"good", "a.txt")
        virus = await upload(http, b"x" * 300_000 + b"virus", "a.txt")
        await runner.cleanup()
        lost = await upload(http, b"good", "a.txt")

    assert good.status_code == 200
    assert code(virus) == (422, "file_refused")
    assert code(lost) == (503, "scanner_failed")


async def test_action_servers_receive_the_files(tmp_path: Path) -> None:
    """Metadata of the message contains the files with absolute links, and only files that the server has accepted."""
    calls: list[ActionCall] = []

    def work(call: ActionCall) -> ActionResult:
        calls.append(call)
        return ActionResult()

    credentials = on("  url: https://bot.example.com/\n")
    async with (
        running(tmp_path, credentials=credentials, actions=Actions(work=work)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        uploaded = (await upload(http)).json()
        forged = {"attachments": [{"file_id": "x", "url": "http://169.254.169.254/"}], "page": "/shop"}
        await say(http, message="work", attachments=[uploaded["file_id"]], metadata=forged)
        await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "work", "metadata": forged})
        async with page(server.url) as plain:
            await plain.say("work", metadata=forged)
            await until(lambda: len(calls) == 3)

    first, *others = [call.tracker["latest_message"]["metadata"] for call in calls]
    [attachment] = first["attachments"]
    assert attachment["file_id"] == uploaded["file_id"]
    assert attachment["url"].startswith(f"https://bot.example.com/files/{uploaded['file_id']}?")
    assert first["page"] == "/shop"
    assert [("attachments" in other, other["page"]) for other in others] == [(False, "/shop")] * 2


async def test_the_intent_of_a_message_without_text(tmp_path: Path) -> None:
    """With `intent`, a message that contains only files has this intent. A text is parsed as usual."""
    credentials = on("  intent: greet\n")
    async with running(tmp_path, credentials=credentials) as server, httpx.AsyncClient(base_url=server.url) as http:
        for message_id, text in (("m1", ""), ("m2", "count")):
            uploaded = (await upload(http)).json()
            await say(http, message_id, message=text, attachments=[uploaded["file_id"]])
        await until(lambda: not server.conversations.get("ada").mailbox.is_busy)
        entries = await server.conversations.engine.store.entries("ada")

    intents = [entry.event.parse_data["intent"]["name"] for entry in entries if hasattr(entry.event, "parse_data")]
    assert intents == ["greet", "count"]


async def test_files_over_a_socket(tmp_path: Path) -> None:
    """Sockets name files in order with other messages, and receive them. Plain clients receive nothing new."""
    async with (
        running(tmp_path, credentials=on()) as server,
        httpx.AsyncClient(base_url=server.url) as http,
        client(server.url) as socket,
        page(server.url) as plain,
    ):
        await socket.join()
        uploaded = (await upload(http)).json()
        said = {"session_id": "ada", "message": "", "message_id": "m1", "attachments": [uploaded["file_id"]]}
        answers = await asyncio.gather(
            socket.ask("user_uttered", said),
            socket.ask("user_uttered", {**said, "message": "hello", "message_id": "m2", "attachments": []}),
            socket.ask("user_uttered", {**said, "message_id": "m3", "attachments": ["f" * 32]}),
        )
        await until(lambda: len(socket.got("user_uttered")) == 2 and len(plain.got()) >= 1)
        shown = socket.got("user_uttered")
        keys = {key for message in plain.got() for key in message}

    assert [answer["ok"] for answer in answers] == [True, True, False]
    assert answers[2]["error"]["code"] == "unknown_file"
    assert [message["message_id"] for message in shown] == ["m1", "m2"]
    assert shown[0]["attachments"][0]["name"] == "cat.png"
    assert "attachments" not in shown[1]
    assert keys <= {"text", "quick_replies"}


async def test_an_upload_that_breaks_off(tmp_path: Path) -> None:
    """A client that disconnects leaves no bytes, and its record goes after an hour."""
    async with running(tmp_path, credentials=on()) as server:

        async def pieces() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="session_id"\r\n\r\nada\r\n'
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"a" * 300_000
            await asyncio.sleep(60)

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        files = server.conversations.engine.files
        assert isinstance(files, visitor_files.VisitorFiles)
        async with aiohttp.ClientSession() as session:
            sending = asyncio.create_task(session.post(f"{server.url}/sessions/files", data=pieces(), headers=headers))
            await until(lambda: files._uploads == 1)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: files._uploads == 0)
        assert stored(server) == []


async def test_too_many_uploads_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the number of concurrent uploads, clients are asked to try again."""
    monkeypatch.setattr(visitor_files, "MAX_UPLOADS", 0)
    async with running(tmp_path, credentials=on()) as server, httpx.AsyncClient(base_url=server.url) as http:
        assert code(await upload(http)) == (503, "busy")
