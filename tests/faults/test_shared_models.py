"""Two real servers on one store switch to another model under load: no message is lost, and both switch together."""

import asyncio
import shutil
import time
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet
from support.small_talk import model_file, other_model_file

VISITORS = 6
SWITCHES = 4
TOGETHER_S = 2.0
"""Longest time in which both models answer. Usually it is a few milliseconds; tests share a busy machine."""


@pytest.mark.slow
async def test_servers_switch_together_under_load(servers: Fleet) -> None:
    """Visitors alternate between the servers during four switches: each message is answered once, by one model."""
    both = [servers.start("--enable-api"), servers.start("--enable-api")]
    files = [
        shutil.copy(file, servers.root / name)
        for name, file in zip("ab", (other_model_file(), model_file()), strict=True)
    ]
    greetings = ["Good day.", "Hello."]
    replies: list[tuple[float, float, str]] = []
    heard: dict[str, list[str]] = {}
    is_over = False

    async with httpx.AsyncClient(timeout=60) as http:

        async def talk(sender: str) -> None:
            number = 0
            while not is_over:
                body = {"sender": sender, "message": "hello", "message_id": f"{sender}-{number}"}
                began = time.monotonic()
                answer = await http.post(f"{both[number % 2].url}/webhooks/rest/webhook", json=body)
                assert answer.status_code == 200, answer.text
                texts = [reply["text"] for reply in answer.json()]
                assert len(texts) == 1, texts
                replies.append((began, time.monotonic(), texts[0]))
                heard.setdefault(sender, []).append(body["message_id"])
                number += 1

        talking = [asyncio.create_task(talk(f"visitor {number}")) for number in range(VISITORS)]
        mixed_s: list[float] = []
        for number in range(SWITCHES):
            await asyncio.sleep(1)
            since, server = len(replies), both[number % 2]
            put = await http.put(f"{server.url}/model", json={"model_file": str(files[number % 2])})
            assert put.status_code == 204, put.text
            await asyncio.sleep(TOGETHER_S)
            during, new = replies[since:], greetings[number % 2]
            first_new = min(ended for _, ended, text in during if text == new)
            last_old = max((began for began, _, text in during if text != new), default=first_new)
            mixed_s.append(last_old - first_new)
        is_over = True
        await asyncio.gather(*talking)
        for sender, sent in heard.items():
            tracker = (await http.get(f"{both[0].url}/conversations/{sender}/tracker")).json()
            assert [event["message_id"] for event in tracker["events"] if event["event"] == "user"] == sent

    assert len(replies) > 2 * VISITORS * SWITCHES
    assert max(mixed_s) < TOGETHER_S / 2


async def test_a_killed_server_does_not_delay_the_others(servers: Fleet) -> None:
    """The switch does not wait for a server of the same machine that was killed."""
    one, two = servers.start("--enable-api"), servers.start("--enable-api")
    two.process.kill()
    two.process.wait()
    async with httpx.AsyncClient(timeout=60) as http:
        began = time.monotonic()
        put = await http.put(f"{one.url}/model", json={"model_file": str(Path(other_model_file()))})
        assert (put.status_code, time.monotonic() - began < 15) == (204, True)
