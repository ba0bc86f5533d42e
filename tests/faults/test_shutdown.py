"""A real server that is told to stop while it works: what was begun is finished, what is new is refused.

The servers have no time as lame ducks, except where it matters.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, Server, fleet, history, tab, until
from manent.client import ChatClient
from manent.client.chat import texts
from manent.core.events import Json


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fleet]:
    """A project on SQLite."""
    with fleet(tmp_path / "project") as found:
        yield found


async def ended(server: Server) -> int:
    """Wait for the end of a process; return its status."""
    return await asyncio.to_thread(server.process.wait, 30)


async def say_over_http(server: Server, message_id: str) -> Json:
    """Send a message and return the answer."""
    request = {"session_id": "bob", "message": "hello", "message_id": message_id}
    async with httpx.AsyncClient() as http:
        answer: Json = (await http.post(f"{server.url}/sessions/user_uttered", json=request)).json()
        return answer


@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
async def test_running_turn_and_its_delivery_finish(servers: Fleet, how: signal.Signals) -> None:
    """A signal during an action: new messages are refused, the turn ends, its reply arrives, the status is 0."""
    server = servers.start("--lame-duck", "0", work_s=4)
    async with tab(server) as client, ChatClient(server.url, session_id="bob") as other:
        refused: list[Json] = []
        await client.send("work")
        await until(lambda: len(servers.runs) == 1)
        server.send(how)
        await asyncio.sleep(0.3)
        refused.append(await other._acknowledged("user_uttered", _message("bob")))
        with pytest.raises(httpx.ConnectError):
            await say_over_http(server, "m2")
        await client.wait_for(lambda messages: texts(messages) == ["work", "Done."])
        assert await ended(server) == 0

    for answer in refused:
        assert answer["ok"] is False
        assert answer["error"]["code"] == "server_closing"
        assert answer["error"]["retry_after"] > 0
    assert len(servers.runs) == 1
    again = servers.start()
    assert await history(again) == ["work", "Done."]
    assert await history(again, "bob") == []


def _message(session_id: str) -> Json:
    return {"session_id": session_id, "message": "hello", "message_id": "m1"}


@pytest.mark.slow
async def test_message_that_is_refused_is_sent_again_to_the_next_server(servers: Fleet) -> None:
    """What a client says into the end of a server reaches the next one on its port, once."""
    server = servers.start("--lame-duck", "0", work_s=1)
    async with tab(server) as client:
        await client.send("work")
        await until(lambda: len(servers.runs) == 1)
        server.send(signal.SIGTERM)
        await asyncio.sleep(0.2)
        said = client.say("hello")
        assert await ended(server) == 0
        servers.start(port=server.port)
        await asyncio.wait_for(said, 60)
        await client.wait_for(lambda messages: texts(messages) == ["work", "Done.", "hello", "Hello."])


@pytest.mark.slow
async def test_turn_that_takes_too_long_is_finished_by_the_next_server(servers: Fleet) -> None:
    """The wait for turns is bounded: a longer action is left, and run again with its key at the next start."""
    server = servers.start("--lame-duck", "0", work_s=30)
    async with tab(server) as client:
        await client.send("work")
        await until(lambda: len(servers.runs) == 1)
        began = time.monotonic()
        server.send(signal.SIGTERM)
        await until(lambda: server.process.poll() is not None, within_s=40)
        took = time.monotonic() - began
        assert 9 < took < 20
        servers.start(port=server.port)
        await client.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)

    assert len(servers.runs) == 2
    assert len({key for _, key in servers.runs}) == 1


async def test_second_signal_ends_at_once(servers: Fleet) -> None:
    """Who asks twice is not kept waiting by an action; what was acknowledged is there at the next start."""
    server = servers.start("--lame-duck", "0", work_s=30)
    async with tab(server) as client:
        await client.send("work")
        await until(lambda: len(servers.runs) == 1)
        server.send(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert server.process.poll() is None
        began = time.monotonic()
        server.send(signal.SIGTERM)
        assert await ended(server) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 5  # the action takes 30, the wait for it 10

    again = servers.start()
    async with tab(again) as client:
        await client.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)
