"""Two real servers on one store: who finishes a turn, and what the tabs of one see of the other."""

import asyncio
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, fleet, history, tab, until
from manent.client import ChatClient, Refused
from manent.client.chat import texts
from manent.core.events import Json
from security.sites import AUTH, JWT, token

SOON_S = 1.5
"""Within which a tab sees what was said on another server: a second, and a half for machines that are busy."""


@pytest.fixture
def minted(tmp_path: Path) -> Iterator[Fleet]:
    """A project whose server makes the conversations' ids."""
    credentials = "rest:\nsocketio:\n  session_persistence: true\n  session_identity: minted\n"
    with fleet(tmp_path / "project", credentials=credentials) as found:
        yield found


@pytest.fixture
def jwt(tmp_path: Path) -> Iterator[Fleet]:
    """A project whose visitors have tokens."""
    with fleet(tmp_path / "project", credentials=JWT) as found:
        yield found


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
        await second.wait_for(lambda messages: "Done." in texts(messages), timeout_s=60)
        stalled.send(signal.SIGCONT)
        await first.wait_for(lambda messages: "Done." in texts(messages), timeout_s=60)
        await second.send("hello")
        for client in (first, second):
            await client.wait_for(lambda messages: "Hello." in texts(messages), timeout_s=60)
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
            await client.wait_for(lambda messages: "Hello." in texts(messages), timeout_s=60)
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
        await client.wait_for(lambda messages: "Done." in texts(messages), timeout_s=60)

    assert [pid for pid, _ in servers.runs] == [owner.process.pid]


@pytest.mark.slow
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
        await second.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)

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


async def test_reset_on_one_server_takes_the_tabs_of_the_other_along(servers: Fleet) -> None:
    """After a reset here the tab there is in the new conversation, too, within a second; the old one stays."""
    here, there = servers.start(), servers.start()
    session_id = f"reset {time.time()}"
    async with tab(here, session_id) as speaker, tab(there, session_id) as listener:
        await speaker.send("hello")
        await listener.wait_for(partial(has_said, 2))
        began = time.monotonic()
        await speaker.reset()
        await until(lambda: listener.session_id == speaker.session_id, within_s=5)
        assert time.monotonic() - began < SOON_S
        await speaker.send("count")
        await listener.wait_for(lambda messages: texts(messages) == ["count", "One.\n\nTwo."])

    assert speaker.session_id != session_id
    assert await history(there, session_id) == ["hello", "Hello."]


@pytest.mark.slow
async def test_erase_on_one_server_empties_the_tabs_of_the_other(servers: Fleet) -> None:
    """After an erase here the tab there is empty within a second, and goes on in what is left."""
    here, there = servers.start(), servers.start()
    session_id = f"erase {time.time()}"
    async with tab(here, session_id) as speaker, tab(there, session_id) as listener:
        await listener.send("hello")
        await speaker.wait_for(partial(has_said, 2))
        began = time.monotonic()
        await speaker.erase()
        await until(lambda: not listener.messages, within_s=5)
        assert time.monotonic() - began < SOON_S
        await speaker.send("hello")
        await listener.wait_for(partial(has_said, 2))
        assert listener.messages == speaker.messages


@pytest.mark.slow
async def test_reset_hands_the_new_token_to_the_tabs_of_the_other(minted: Fleet) -> None:
    """With minted ids the tab on the other server gets what proves that the new conversation is its own."""
    here, there = minted.start(), minted.start()
    async with ChatClient(here.url) as speaker, ChatClient(there.url, state=speaker.state()) as listener:
        await speaker.send("hello")
        await listener.wait_for(partial(has_said, 2))
        await speaker.reset()
        await until(lambda: listener.session_id == speaker.session_id, within_s=5)
        await listener.send("hello")
        await speaker.wait_for(partial(has_said, 2))
        assert listener.session_token == speaker.session_token


@pytest.mark.slow
async def test_revoked_subject_is_out_on_every_server(jwt: Fleet) -> None:
    """A token that is revoked on one server ends its sockets on the other within a second, and lets nobody in."""
    here, there = (jwt.start("--auth-token", AUTH) for _ in range(2))
    told: list[Json] = []
    key = token("ada")
    async with ChatClient(there.url, auth={"token": key}, on_event=lambda _, payload: told.append(payload)) as client:
        await client.send("hello")
        began = time.monotonic()
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{here.url}/admin/revoke?token={AUTH}", json={"subject": "ada"})
            assert answer.status_code == 200
        await until(lambda: any(one.get("reason") == "revoked" for one in told), within_s=5)
        assert time.monotonic() - began < SOON_S
    with pytest.raises((Refused, TimeoutError)):
        await ChatClient(there.url, auth={"token": key}).connect(timeout_s=2)
