"""A real server with a slow custom action: the others go on as usual, and its own conversation has a bounded queue."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, fleet, tab, until
from manent.client.chat import texts
from manent.core.events import Json
from support.action_servers import ASSISTANTS


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fleet]:
    """A project on SQLite."""
    with fleet(tmp_path / "project") as found:
        yield found


@pytest.mark.slow
async def test_others_are_answered_meanwhile(servers: Fleet) -> None:
    """While eight actions are at work, and longer than all of this takes, another visitor is answered as usual."""
    server = servers.start(work_s=60)
    visitors = [tab(server, f"slow {number}") for number in range(8)]
    async with tab(server) as client:
        clients = [await visitor.__aenter__() for visitor in visitors]
        await asyncio.gather(*(one.send("work") for one in clients))
        await until(lambda: len(servers.runs) == 8)
        waited = []
        for number in range(1, 21):
            began = time.monotonic()
            await client.send("hello")
            await client.wait_for(lambda messages, count=2 * number: len(messages) == count)  # type: ignore[misc]
            waited.append(time.monotonic() - began)
        assert sorted(waited)[10] < 0.5
        assert all(texts(one.messages) == ["work"] for one in clients)
        for visitor in visitors:
            await visitor.__aexit__(None, None, None)


async def test_queue_of_one_conversation_is_bounded(servers: Fleet) -> None:
    """Behind a slow action 64 messages wait, unacknowledged; the next is `busy` with a hint; all are accepted once."""
    server = servers.start(work_s=4)
    async with tab(server) as client, httpx.AsyncClient(base_url=server.url, timeout=30) as http:

        async def say(number: int) -> Json:
            request = {"session_id": "ada", "message": "hello", "message_id": f"m{number}"}
            answer: Json = (await http.post("/sessions/user_uttered", json=request)).json()
            return answer

        await client.send("work")
        await until(lambda: len(servers.runs) == 1)
        answers = await asyncio.gather(*(say(number) for number in range(70)))
        refused = [number for number, answer in enumerate(answers) if not answer["ok"]]
        assert len(refused) == 6
        for number in refused:
            assert answers[number]["error"]["code"] == "busy"
            assert answers[number]["error"]["retry_after"] > 0
            assert (await say(number))["duplicate"] is False
        await client.wait_for(lambda messages: len(messages) == 2 * 71)
        assert texts(client.messages) == ["work", "Done.", *["hello", "Hello."] * 70]


def test_a_hanging_action_does_not_hold_up_the_end() -> None:
    """The process ends while an action still hangs."""
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from support.action_servers import ASSISTANTS, action_call\n"
        "from manent.actions.opening import open_actions\n"
        "from manent.core.domain import Domain\n"
        "from manent.core.errors import ActionError\n"
        "async def main():\n"
        "    options = {'actions_module': 'kinds', 'timeout': 0.1}\n"
        "    runner = open_actions(options, Domain(), root=ASSISTANTS / 'action_kinds')\n"
        "    try:\n"
        "        await runner.run(action_call('action_sleeps', '600'))\n"
        "    except ActionError as error:\n"
        "        print(error.code)\n"
        "    await runner.close()\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(ASSISTANTS.parent)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert ended.stdout == "action_timeout\n"
