"""What reaches an event broker when servers are killed, the broker is away, or the disk is full."""

import asyncio
import json
import random
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from faults.servers import Fleet, Server, fleet
from manent.brokers.file import FileBroker
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing
from support.ports import free_port
from support.processes import manent, wait_for

BROKER = "event_broker:\n  type: file\n  path: out/events.log\n"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    """A project with a file as event broker, on each store that several servers can share."""
    section = request.getfixturevalue("postgresql") if request.param == "postgresql" else ""
    if section:
        asyncio.run(_empty(section.split()[-1]))
    with fleet(tmp_path / "project", tracker_store=section + BROKER) as found:
        yield found


async def _empty(dsn: str) -> None:
    """Take away what the test before has left."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP SCHEMA IF EXISTS manent CASCADE")
    await connection.close()


def published(servers: Fleet, sender_id: str = "ada") -> list[dict[str, Any]]:
    """What the broker was told of a conversation."""
    path = servers.root / "out" / "events.log"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [one for one in found if one["sender_id"] == sender_id]


def committed(servers: Fleet, sender_id: str = "ada") -> list[dict[str, Any]]:
    """What the log has, as the broker is told it."""
    file = servers.root / "conversations.db"
    if not file.exists():
        lines = manent("conversations", "export", sender_id, cwd=servers.root).stdout.splitlines()
        return [{key: value for key, value in json.loads(line).items() if key != "seq"} for line in lines]
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute(
            "SELECT data FROM events JOIN conversations ON id = conversation_id WHERE sender_id = ? ORDER BY seq",
            (sender_id,),
        ).fetchall()
    return [{"sender_id": sender_id, **json.loads(data)} for (data,) in found]


def say(server: Server, text: str = "hello", sender_id: str = "ada") -> None:
    """Say something and wait for the answer."""
    body = {"sender": sender_id, "message": text}
    assert httpx.post(f"{server.url}/webhooks/rest/webhook", json=body, timeout=30).json()


def health(server: Server) -> dict[str, Any]:
    """What the server says of its broker."""
    answer = httpx.get(f"{server.url}/health/ready")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()["event_broker"]
    return told


def first_ones(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what was told before."""
    return list({json.dumps(one): one for one in told}.values())


def take_away(servers: Fleet) -> Path:
    """Put a folder where the broker's file would be: nothing can be published."""
    path = servers.root / "out" / "events.log"
    path.mkdir(parents=True)
    return path


def test_killed_between_commit_and_publication(servers: Fleet) -> None:
    """What was committed while nothing could be published goes out, once, from the next server's start on."""
    away = take_away(servers)
    first = servers.start()
    for _ in range(3):
        say(first)
    wait_for(lambda: health(first)["status"] == "broker_file", "the outage")
    assert health(first)["waiting"] == 1
    first.send(signal.SIGKILL)
    first.process.wait()
    away.rmdir()
    servers.start()
    expected = committed(servers)
    assert len(expected) > 10
    wait_for(lambda: len(published(servers)) == len(expected), "the events")

    assert published(servers) == expected
    said = [line for line in first.log.read_text().splitlines() if "manent.broker" in line]
    assert len(said) == 1
    assert "is not available" in said[0]


@pytest.mark.slow
def test_killed_at_any_moment(servers: Fleet) -> None:
    """However often servers are killed: every committed event arrives, each conversation in order."""
    dice = random.Random(7)  # noqa: S311  # no secret
    names = [f"visitor{number}" for number in range(6)]
    for _ in range(3):
        server = servers.start()
        asyncio.run(_talk(server, names, dice.uniform(0.05, 0.6)))
        server.process.wait()
    servers.start()
    expected = {name: committed(servers, name) for name in names}
    assert sum(map(len, expected.values())) > 60
    wait_for(lambda: all(len(first_ones(published(servers, name))) == len(expected[name]) for name in names), "all")

    for name in names:
        assert first_ones(published(servers, name)) == expected[name]


async def _talk(server: Server, names: list[str], seconds: float) -> None:
    """Let visitors talk until the server is killed."""

    async def talk(http: httpx.AsyncClient, name: str) -> None:
        while True:
            await http.post(f"{server.url}/webhooks/rest/webhook", json={"sender": name, "message": "hello"})

    async with httpx.AsyncClient() as http:
        talking = [asyncio.create_task(talk(http, name)) for name in names]
        await asyncio.sleep(seconds)
        server.send(signal.SIGKILL)
        await asyncio.gather(*talking, return_exceptions=True)


def test_two_servers_on_one_store(servers: Fleet) -> None:
    """A conversation that two servers answer in turn is published once, in order."""
    one, other = servers.start(), servers.start()
    for _ in range(10):
        say(one)
        say(other)
    expected = committed(servers)
    wait_for(lambda: len(published(servers)) >= len(expected), "the events")
    wait_for(lambda: not any(health(server)["waiting"] for server in (one, other)), "both servers")

    assert published(servers) == expected


def test_erased_before_it_was_published(servers: Fleet) -> None:
    """Nothing of a conversation that was erased while the broker was away ever goes out, but a notice."""
    server = servers.start()
    say(server, sender_id="bob")
    wait_for(lambda: len(published(servers, "bob")) == len(committed(servers, "bob")), "the events")
    kept = (servers.root / "out" / "events.log").rename(servers.root / "kept.log")
    away = servers.root / "out" / "events.log"
    away.mkdir()
    say(server, "I am Ada", "ada")
    say(server, "I am Ada", "bob")
    wait_for(lambda: health(server)["status"] == "broker_file", "the outage")
    for name in ("ada", "bob"):
        assert manent("conversations", "erase", name, "--yes", cwd=servers.root).returncode == 0
    away.rmdir()
    wait_for(lambda: health(server) == {"status": "ok", "waiting": 0, "lag_s": 0.0}, "the broker's return")

    for name in ("ada", "bob"):
        assert [one["event"] for one in published(servers, name)] == ["conversation_erased"]
    assert "I am Ada" not in kept.read_text()


@pytest.mark.parametrize(
    "section",
    [
        "type: pika\n  url: amqp://manent:s3cr3t@127.0.0.1:{port}/",
        "type: sql\n  url: postgresql://manent:s3cr3t@127.0.0.1:{port}/chat",
    ],
)
def test_password_of_a_broker_that_is_away(section: str, tmp_path: Path) -> None:
    """Turns are answered as ever, and the password is nowhere: not in the log, not in health, not in metrics."""
    broker = "event_broker:\n  " + section.format(port=free_port()) + "\n"
    with fleet(tmp_path / "project", tracker_store=broker) as servers:
        server = servers.start("--debug")
        wait_for(lambda: health(server)["status"] != "ok", "the outage")
        say(server)
        shown = [httpx.get(f"{server.url}{path}").text for path in ("/health/ready", "/metrics")]
        server.send(signal.SIGTERM)
        assert server.process.wait(30) == 0
        log = server.log.read_text()

    assert "the event broker is not available" in log
    assert "s3cr3t" not in "".join([log, *shown])


async def test_full_disk_leaves_no_half_line(small_disk: Path) -> None:
    """What does not fit is an error, and leaves the file as it was; what fits afterwards is there."""
    path = small_disk / "events.log"
    broker = FileBroker(path)
    await broker.publish([Outgoing("ada", "e1:1", b"{}")])
    before = path.read_bytes()
    with pytest.raises(BrokerError) as caught:
        await broker.publish([Outgoing("ada", "e1:2", b"x" * 50_000_000)])
    assert (caught.value.code, path.read_bytes()) == ("broker_file", before)
    await broker.publish([Outgoing("ada", "e1:3", b"{}")])
    assert path.read_bytes() == before + b"{}" + b"\n"
