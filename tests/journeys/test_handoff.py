"""A visitor, operators and two servers in processes of their own: requests, races, kills, and the form afterwards."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.client import ChatClient
from support.ports import free_port
from support.processes import listens, manent, wait_for

ROOT = Path(__file__).parents[2]
PATH = "/soak/desk"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, trained. Visitors choose the ids of their conversations, and nobody has the desk's page open."""
    folder = tmp_path_factory.mktemp("handoff") / "workshop"
    shutil.copytree(ROOT / "examples/handoff", folder, ignore=shutil.ignore_patterns("models", "*.db*"))
    (folder / "credentials.yml").write_text("socketio:\n  session_persistence: true\n")
    (folder / "endpoints.yml").write_text("desk:\n  when_away: queue\n")
    trained = manent("train", cwd=folder)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    return folder


class Servers:
    """Two servers on one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [free_port(), free_port()]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        """Start a server, and wait until it listens."""
        port = self.ports[number]
        command = [sys.executable, "-m", "soak.desk_server", "run", "-i", "127.0.0.1", "-p", str(port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
        with (self.folder / f"{number}.log").open("ab") as out:
            process = subprocess.Popen(command, cwd=self.folder, stdout=out, stderr=out, env=environment)
        self.processes[number] = process
        wait_for(lambda: listens(port) or process.poll() is not None, f"server {number}")
        assert process.poll() is None, (self.folder / f"{number}.log").read_text()

    def kill(self, number: int) -> None:
        """`kill -9` a server."""
        self.processes[number].send_signal(signal.SIGKILL)
        self.processes[number].wait()

    def url(self, number: int) -> str:
        """Return the address of a server."""
        return f"http://127.0.0.1:{self.ports[number]}"

    def stop(self) -> None:
        """Stop both."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)


@pytest.fixture
def servers(workshop: Path) -> Iterator[Servers]:
    """Two running servers with a new store."""
    for file in workshop.glob("*.db*"):
        file.unlink()
    both = Servers(workshop)
    try:
        both.start(0)
        both.start(1)
        yield both
    finally:
        both.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client for the operators."""
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


async def act(http: httpx.AsyncClient, url: str, do: str, operator: str = "ada", **more: Any) -> dict[str, Any]:
    """Let an operator do something with the visitor's conversation, or read its log."""
    asked = {"sender_id": "visitor", "do": do, "operator": operator, "text": "…", **more}
    answer: dict[str, Any] = (await http.post(url + PATH, json=asked)).json()
    return answer


def said(chat: ChatClient) -> list[str]:
    """Return the texts of the bot and of operators."""
    return [str(message["text"]) for message in chat.messages if message["role"] != "user"]


async def waits(chat: ChatClient, text: str) -> None:
    """Wait until the newest message is this one."""
    await chat.wait_for(lambda _: said(chat)[-1:] == [text], timeout_s=15)


async def test_handoff_in_the_middle_of_a_form(servers: Servers, http: httpx.AsyncClient) -> None:
    """The visitor asks for a person while the form waits; the operator's server is killed; the form then continues."""
    desk = servers.url(1)
    async with ChatClient(servers.url(0), session_id="visitor", accepts=["agent"]) as chat:
        await chat.send("I need an appointment")
        await waits(chat, "What shall we repair: a bicycle, a scooter or a car?")
        await chat.send("a bicycle")
        await waits(chat, "On which day, from Monday to Friday?")
        await chat.send("I want to talk to a person")
        await waits(chat, "I'll get a person from the workshop. You can keep writing here.")
        assert (await act(http, desk, "take"))["ok"]
        for number in range(5):
            message = {"text": f"Ada {number}", "message_id": str(number)}
            assert (await act(http, desk, "say", **message))["ok"]
            servers.kill(1)  # the message is stored; nothing else of this server counts any more
            servers.start(1)
            assert (await act(http, desk, "say", **message))["ok"]
            await waits(chat, f"Ada {number}")
            await chat.send("on Friday please")
        assert (await act(http, desk, "hand_back"))["ok"]
        await chat.send("Tuesday")
        await waits(chat, "We expect your bicycle on Tuesday.")
        words = [text for text in said(chat) if text.startswith("Ada")]
        events = (await act(http, desk, "log"))["events"]
    assert words == [f"Ada {number}" for number in range(5)]
    kinds = [event["event"] for event in events]
    joined, left = kinds.index("operator_joined"), kinds.index("operator_left")
    assert "bot" not in kinds[joined:left]
    assert "action" not in kinds[joined:left]
    assert "slot" not in kinds[joined:left]
    assert kinds[joined:left].count("agent") == 5
    assert kinds[joined:left].count("user") == 5


async def test_two_operators_on_two_servers(servers: Servers, http: httpx.AsyncClient) -> None:
    """Of two operators who take or answer at the same moment, one wins, and the other is told who it is."""
    async with ChatClient(servers.url(0), session_id="visitor") as chat:
        await chat.send("hello")
        await chat.wait_for(lambda messages: len(messages) == 2)
    wins = {"ada": 0, "bo": 0}
    for number in range(30):
        do = "take" if number % 2 else "say"
        answers = await asyncio.gather(
            *(
                act(http, servers.url(side), do, operator, message_id=uuid.uuid4().hex)
                for operator, side in (("ada", number % 2), ("bo", 1 - number % 2))
            )
        )
        [winner] = [answer for answer in answers if answer["ok"]]
        [loser] = [answer for answer in answers if not answer["ok"]]
        assert loser["code"] == "handler_conflict"
        assert loser["operator"] == winner["operator"]
        wins[winner["operator"]["id"]] += 1
        assert (await act(http, servers.url(number % 2), "hand_back", winner["operator"]["id"]))["ok"]
    events = (await act(http, servers.url(0), "log"))["events"]
    kinds = [event["event"] for event in events if event["event"] in ("operator_joined", "operator_left")]
    assert kinds == ["operator_joined", "operator_left"] * 30
    assert min(wins.values()) > 0


async def test_killed_in_the_middle_of_a_request(servers: Servers, http: httpx.AsyncClient) -> None:
    """A message whose request was cut off by a kill, and which the operator sends again, arrives once."""
    desk = servers.url(1)
    async with ChatClient(servers.url(0), session_id="visitor") as chat:
        await chat.send("hello")
        await chat.wait_for(lambda messages: len(messages) == 2)
        for number in range(6):
            message = {"text": f"Ada {number}", "message_id": str(number)}
            request = asyncio.create_task(act(http, desk, "say", **message))
            await asyncio.sleep(0.002 * number)
            servers.kill(1)
            await asyncio.gather(request, return_exceptions=True)
            servers.start(1)
            assert (await act(http, desk, "say", **message))["ok"]
        await waits(chat, "Ada 5")
        assert said(chat)[1:] == [f"Ada {number}" for number in range(6)]
