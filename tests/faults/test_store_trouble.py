"""A real server whose disk is full or whose database is locked: senders are told, nothing is lost or doubled."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, Server, fleet, history, tab, until
from faults.small_disk import fill
from manent.client.chat import texts
from manent.core.events import Json
from manent.server.api.health import CHECK_EVERY_S

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another process hold a database's write lock."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate(b"")


@contextmanager
def on_disk(root: Path, folder: Path) -> Iterator[Fleet]:
    """A project whose conversations are on another disk."""
    section = f"tracker_store:\n  type: SQL\n  dialect: sqlite\n  db: {folder / 'store.db'}\n"
    with fleet(root, tracker_store=section) as found:
        yield found


async def say(server: Server, message_id: str, text: str = "hello") -> Json:
    """Send a message of bob's and return the answer."""
    request = {"session_id": "bob", "message": text, "message_id": message_id}
    async with httpx.AsyncClient(timeout=60) as http:
        answer: Json = (await http.post(f"{server.url}/sessions/user_uttered", json=request)).json()
        return answer


async def say_over_rest(server: Server, message_id: str) -> tuple[int, str]:
    """Send a message of bob's as Rasa's REST clients do; return status and body."""
    request = {"sender": "bob", "message": "hello", "message_id": message_id}
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{server.url}/webhooks/rest/webhook", json=request)
        return answer.status_code, answer.text


async def ready(server: Server) -> tuple[int, str | None]:
    """Return the status of `/health/ready` and the code of the store's error."""
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.get(f"{server.url}/health/ready")
        return answer.status_code, answer.json().get("code")


async def test_full_disk_is_an_error_to_the_sender(small_disk: Path, tmp_path: Path) -> None:
    """Refused with `store_full` until there is space; then the same messages are accepted, and run once each."""
    with on_disk(tmp_path / "project", small_disk) as servers:
        server = servers.start(impatient=True)
        async with tab(server) as client:
            await say(server, "first")
            filler = await asyncio.to_thread(fill, small_disk)
            sent = 0
            while (answer := await say(server, f"m{sent}"))["ok"]:  # the log's last page may still hold some
                sent += 1
            assert answer["error"]["code"] == "store_full"
            status, body = await say_over_rest(server, f"m{sent}")
            assert status == 503
            assert "store_full" in body
            assert await ready(server) == (503, "store_full")
            said = client.say("hello")
            await asyncio.sleep(1)
            assert not said.done()

            await asyncio.to_thread(filler.unlink)
            assert (await say(server, f"m{sent}"))["ok"]
            assert (await say(server, f"m{sent}"))["duplicate"]
            await asyncio.sleep(CHECK_EVERY_S)
            assert await ready(server) == (200, None)
            await asyncio.wait_for(said, 60)
            await client.wait_for(lambda messages: texts(messages) == ["hello", "Hello."])
        assert await history(server, "bob") == ["hello", "Hello."] * (sent + 2)


@pytest.mark.slow
async def test_disk_that_fills_up_during_an_action(small_disk: Path, tmp_path: Path) -> None:
    """The sender of the accepted message is told; with space again the turn is finished, its action under its key."""
    with on_disk(tmp_path / "project", small_disk) as servers:
        server = servers.start(work_s=2, impatient=True)
        async with tab(server) as client:
            await client.send("work")
            await until(lambda: len(servers.runs) == 1)
            filler = await asyncio.to_thread(fill, small_disk)
            sent = 0
            while (await say(server, f"m{sent}"))["ok"]:
                sent += 1
            await until(lambda: any(error["code"] == "store_full" for error in client.errors))
            await asyncio.to_thread(filler.unlink)
            await client.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)
        assert len(servers.runs) > 1
        assert len({key for _, key in servers.runs}) == 1


async def test_locked_database_is_an_error_to_the_sender(tmp_path: Path) -> None:
    """While another process holds the lock, senders get `store_locked`; afterwards the same messages run once."""
    with fleet(tmp_path / "project") as servers:
        server = servers.start(impatient=True)
        async with tab(server) as client:
            await client.send("hello")
            with locked(servers.root / "conversations.db"):
                answer = await say(server, "m1")
                assert answer["ok"] is False
                assert answer["error"]["code"] == "store_locked"
                assert answer["error"]["retry_after"] > 0
                said = client.say("hello")
                await asyncio.sleep(1)
                assert not said.done()
                assert await history(server) == ["hello", "Hello."]
            assert (await say(server, "m1"))["duplicate"] is False
            await asyncio.wait_for(said, 60)
            await client.wait_for(lambda messages: texts(messages) == ["hello", "Hello."] * 2)
        assert await history(server, "bob") == ["hello", "Hello."]
