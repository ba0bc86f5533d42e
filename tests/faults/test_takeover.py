"""Who takes over the turn of another server: real servers in PID namespaces of their own, as containers are."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, Server, fleet, history, tab, until
from manent.client.chat import texts

LONGER_THAN_A_LEASE_S = 9.0
TAKEOVER_S = 10.0
"""Within which a turn is taken over after a crash, by default."""

CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture
def container() -> tuple[str, ...]:
    """The command that runs another one in a PID namespace of its own, with the same hostname."""
    if shutil.which("unshare") is None or subprocess.run([*CONTAINER, "true"], check=False).returncode:
        pytest.skip("needs to be allowed to make a PID namespace")
    return CONTAINER


@pytest.fixture
def on_postgresql(postgresql: str, tmp_path: Path) -> Iterator[Fleet]:
    """A project whose servers share a PostgreSQL."""
    with fleet(tmp_path / "project", tracker_store=postgresql) as found:
        yield found


async def test_living_server_in_another_container_keeps_its_turn(servers: Fleet, container: tuple[str, ...]) -> None:
    """Two containers with one hostname: while one runs a long action, the other leaves the turn alone."""
    owner = servers.start(work_s=LONGER_THAN_A_LEASE_S, before=container)
    servers.start(work_s=LONGER_THAN_A_LEASE_S, before=container)
    session_id = f"container {time.time()}"
    async with tab(owner, session_id) as client:
        await client.send("work")
        await client.wait_for(lambda messages: "Done." in texts(messages), timeout_s=60)

    assert len(servers.runs) == 1


@pytest.mark.slow
async def test_killed_server_in_another_container_is_inherited_soon(
    servers: Fleet, container: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    """The turn of a server that was killed where nobody sees its process is taken over within ten seconds."""
    killed = servers.start(work_s=60, before=container)
    heir = servers.start(before=container)
    session_id = f"killed {time.time()}"
    async with tab(heir, session_id) as second:
        async with tab(killed, session_id) as first:
            await first.send("work")
            await until(lambda: len(servers.runs) == 1)
            await asyncio.sleep(3.0)  # the lease was renewed since
            killed.send(signal.SIGKILL)
            began = time.monotonic()
        await second.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)
        took_s = time.monotonic() - began
    record_property("took_s", took_s)
    assert took_s < TAKEOVER_S
    assert len({key for _, key in servers.runs}) == 1


@pytest.mark.slow
async def test_server_that_stops_gives_its_turn_up_at_once(servers: Fleet, container: tuple[str, ...]) -> None:
    """A server that is stopped during an action releases its lease, so that another one does not wait for it."""
    stopped = servers.start(work_s=60, before=container)
    heir = servers.start(before=container)
    session_id = f"stopped {time.time()}"
    async with tab(heir, session_id) as second:
        async with tab(stopped, session_id) as first:
            await first.send("work")
            await until(lambda: len(servers.runs) == 1)
        terminate_inside(stopped)
        await until(lambda: "a turn did not finish in time" in stopped.log.read_text())
        began = time.monotonic()
        await second.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)

    assert time.monotonic() - began < 4.0  # a search a second, and time for a busy machine; a lease has six


@pytest.mark.slow
@pytest.mark.parametrize("ahead_s", [21.0, -21.0])
async def test_clocks_that_differ_steal_no_turn(
    on_postgresql: Fleet, container: tuple[str, ...], ahead_s: float
) -> None:
    """A server whose clock is wrong leaves the turn of a living server alone, and says that its clock is wrong."""
    servers = on_postgresql
    owner = servers.start(work_s=LONGER_THAN_A_LEASE_S, before=container)
    other = servers.start(work_s=LONGER_THAN_A_LEASE_S, before=container, ahead_s=ahead_s)
    for here in (owner, other):
        session_id = f"clocks {time.time()}"
        async with httpx.AsyncClient(timeout=60) as http:
            message = {"sender": session_id, "message": "work"}
            answer = await http.post(f"{here.url}/webhooks/rest/webhook", json=message)
        assert [one["text"] for one in answer.json()] == ["Done."]
        assert await history(other, session_id) == ["work", "Done."]

    assert len(servers.runs) == 2
    assert "clock differs from the database's clock" in other.log.read_text()
    assert "clock differs" not in owner.log.read_text()


@pytest.mark.slow
async def test_lease_can_be_configured(tmp_path: Path, postgresql: str, container: tuple[str, ...]) -> None:
    """`conversations: {lease_seconds: 20}`: a turn is not taken over as soon as with the default."""
    section = f"{postgresql}conversations:\n  lease_seconds: 20\n"
    with fleet(tmp_path / "project", tracker_store=section) as servers:
        killed = servers.start(work_s=60, before=container)
        heir = servers.start(before=container)
        session_id = f"configured {time.time()}"
        async with tab(killed, session_id) as first:
            await first.send("work")
            await until(lambda: len(servers.runs) == 1)
            killed.send(signal.SIGKILL)
        began = time.monotonic()
        async with tab(heir, session_id) as second:
            await second.wait_for(lambda messages: texts(messages) == ["work", "Done."], timeout_s=60)
        assert 12 < time.monotonic() - began < 25


def terminate_inside(server: Server) -> None:
    """Send SIGTERM to the process that `unshare` runs."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)
