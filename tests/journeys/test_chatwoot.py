"""A visitor and agents in Chatwoot, beside a server that is killed again and again."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.conftest import copied
from manent.client import ChatClient
from support.chatwoot import ADA, BOB, Chatwoot
from support.once import trained
from support.ports import free_port
from support.processes import Server

EXAMPLE = Path(__file__).parents[2] / "examples/handoff"
ROUNDS = 8

pytestmark = pytest.mark.slow


async def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Poll until a condition is true."""
    try:
        async with asyncio.timeout(90):
            while not holds():  # noqa: ASYNC110  # other processes make it true
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"timed out waiting for {what}") from None


async def test_each_message_arrives_once_although_the_server_is_killed(
    serve: Callable[..., Server], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Messages arrive once and in order in both directions, although webhooks are lost and Chatwoot fails at times."""
    project = copied(trained(EXAMPLE, tmp_path_factory), tmp_path / "project")
    port, rng = free_port(), random.Random(5)  # noqa: S311  # the test must be repeatable
    async with Chatwoot().running() as chatwoot:
        (project / "endpoints.yml").write_text(f"desk:\n{chatwoot.options()}")
        (project / "credentials.yml").write_text("socketio:\n  session_persistence: true\n")
        chatwoot.webhook_url = f"http://127.0.0.1:{port}/desk/api/v1/bridges/chatwoot"
        server = await asyncio.to_thread(serve, project, port=port)
        async with ChatClient(f"http://127.0.0.1:{port}", session_id="visitor", accepts=["agent"]) as chat:
            await chat.send("I need an appointment")
            await chat.send("a bicycle")
            await chat.send("I want to talk to a person")
            await wait_for(lambda: bool(chatwoot.conversations) and chatwoot.only.status == "open", "the request")
            for number in range(ROUNDS):
                chatwoot.write(chatwoot.only, f"Agent {number}", rng.choice([ADA, BOB]))
                if number % 2:
                    chatwoot.broken[chatwoot.only.id] = 503
                sending = asyncio.create_task(chat.send(f"Visitor {number}"))
                await asyncio.sleep(rng.random() * 0.4)
                server.process.kill()
                await asyncio.to_thread(server.process.wait)
                chatwoot.write(chatwoot.only, f"Agent {number}, again")
                server = await asyncio.to_thread(serve, project, port=port)
                await sending
                chatwoot.broken.clear()
            agents = [text for number in range(ROUNDS) for text in (f"Agent {number}", f"Agent {number}, again")]
            visitor = [f"Visitor {number}" for number in range(ROUNDS)]

            def of_agents() -> list[str]:
                return [str(message["text"]) for message in chat.messages if message["role"] == "agent"]

            def of_visitor() -> list[str]:
                return [text for who, text in chatwoot.only.shown() if who == "visitor"]

            await wait_for(lambda: len(of_agents()) >= len(agents), "the agents' messages")
            await wait_for(lambda: len(of_visitor()) >= len(visitor) + 3, "the visitor's messages")
            chatwoot.set_status(chatwoot.only, "resolved")
            await wait_for(lambda: chat.handler == "bot", "the hand-back")
            await chat.send("Tuesday")
            await wait_for(lambda: chatwoot.only.shown()[-1][1].startswith("We expect your bicycle"), "the form")
            assert of_agents() == agents
            assert of_visitor() == [
                "I need an appointment",
                "a bicycle",
                "I want to talk to a person",
                *visitor,
                "Tuesday",
            ]
            assert len(chatwoot.conversations) == len(chatwoot.contacts) == 1
            assert chatwoot.failed_webhooks > 0
            assert chatwoot.rejected == []
