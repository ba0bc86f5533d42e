"""Two real servers on one store: who finishes a turn, and what the tabs of one see of the other."""

import asyncio
import signal
import time
from functools import partial

import pytest

from faults.servers import Fleet, history, tab, until
from manent.client.chat import texts
from manent.core.events import Json

SOON_S = 1.0
"""Within which a tab sees what was said on another server."""


def has_said(count: int, messages: list[Json]) -> bool:
    """Whether so many messages are there."""
    return len(messages) == count


async def test_action_that_outlives_a_stalled_heartbeat_has_one_result(servers: Fleet) -> None:
    """A server stands still during an action until its lease has run out: the other one's result stays the only one."""
    stalled = servers.start(work_s=2, impatient=True)
    heir = servers.start(work_s=2, impatient=True)
    session_id = f"stalled {time.time()}"
    async with tab(stalled, session_id) as first, tab(heir, session_id) as second:
        await first.send("work")
        await until(lambda: len(servers.runs) == 1)
        stalled.send(signal.SIGSTOP)
        await second.wait_for(lambda messages: "Done." in texts(messages), timeout_s=30)
        stalled.send(signal.SIGCONT)
        await first.wait_for(lambda messages: "Done." in texts(messages), timeout_s=30)
        await second.send("hello")
        for client in (first, second):
            await client.wait_for(lambda messages: "Hello." in texts(messages), timeout_s=30)
            assert texts(client.messages) == ["work", "Done.", "hello", "Hello."]

    assert await history(heir, session_id) == ["work", "Done.", "hello", "Hello."]
    assert {pid for pid, _ in servers.runs} == {stalled.process.pid, heir.process.pid}
    assert len({key for _, key in servers.runs}) == 1


@pytest.mark.slow
async def test_owner_that_comes_back_in_time_and_heir_give_one_result(servers: Fleet) -> None:
    """The stalled server goes on while its heir runs the same action: whoever is first wins, the other's is dropped."""
    stalled = servers.start(work_s=2, impatient=True)
    heir = servers.start(work_s=2, impatient=True)
    session_id = f"back {time.time()}"
    async with tab(stalled, session_id) as first, tab(heir, session_id) as second:
        await first.send("work")
        await until(lambda: len(servers.runs) == 1)
        stalled.send(signal.SIGSTOP)
        await until(lambda: len(servers.runs) == 2)
        stalled.send(signal.SIGCONT)
        await asyncio.sleep(3)  # both are through
        await second.send("hello")
        for client in (first, second):
            await client.wait_for(lambda messages: "Hello." in texts(messages), timeout_s=30)
            assert texts(client.messages) == ["work", "Done.", "hello", "Hello."]

    assert await history(stalled, session_id) == ["work", "Done.", "hello", "Hello."]
    assert len({key for _, key in servers.runs}) == 1


@pytest.mark.slow
async def test_long_action_keeps_its_lease(servers: Fleet) -> None:
    """While a living server works longer than a lease lasts, the other leaves the turn alone."""
    owner = servers.start(work_s=4, impatient=True)
    servers.start(work_s=4, impatient=True)
    session_id = f"long {time.time()}"
    async with tab(owner, session_id) as client:
        await client.send("work")
        await client.wait_for(lambda messages: "Done." in texts(messages), timeout_s=30)

    assert [pid for pid, _ in servers.runs] == [owner.process.pid]


async def test_killed_server_is_inherited_at_once(servers: Fleet) -> None:
    """When a server dies during an action, the other one finishes the turn without waiting for the lease."""
    killed = servers.start(work_s=30)
    heir = servers.start(work_s=0)
    session_id = f"killed {time.time()}"
    async with tab(heir, session_id) as second:
        async with tab(killed, session_id) as first:
            await first.send("work")
            await until(lambda: len(servers.runs) == 1)
            killed.send(signal.SIGKILL)
        await second.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=15)

    assert len(servers.runs) == 2
    assert len({key for _, key in servers.runs}) == 1


async def test_tab_on_another_server_sees_messages_soon(servers: Fleet) -> None:
    """What is said on one server is on the tabs of the other within a second, in order, both ways."""
    here, there = servers.start(), servers.start()
    session_id = f"soon {time.time()}"
    async with tab(here, session_id) as speaker, tab(there, session_id) as listener:
        waited = []
        for number in range(8):
            one, other = (speaker, listener) if number % 2 else (listener, speaker)
            began = time.monotonic()
            await one.send("hello")
            await other.wait_for(partial(has_said, 2 * number + 2))
            waited.append(time.monotonic() - began)
        assert max(waited) < SOON_S
        assert speaker.messages == listener.messages
