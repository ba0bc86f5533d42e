"""Copying a SQLite store to PostgreSQL: complete, resumable, never over something else."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import asyncpg
import msgspec
import pytest

from manent.cli.main import main
from manent.core.conversation_log import Lease
from manent.core.errors import StoreError
from manent.core.postbox import ReceivedMessage, Route, Undelivered
from manent.runtime.ports.desk import (
    AuditRecord,
    Count,
    DeskStore,
    FeedRow,
    ListFilter,
    ListRow,
    Member,
    MessageText,
    Read,
    Webhook,
)
from manent.runtime.ports.store import ConversationStore
from manent.stores.database_copy import copy_database
from manent.stores.desk.tables import open_desk_tables
from manent.stores.postgresql.store import PostgresqlStore
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk, turn
from support.filled_stores import fill
from support.network import network_to
from support.postgres import Cluster, programs, running


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(bin_folder) as found:
        yield found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 450 conversations. Tests must not change it."""
    path = tmp_path_factory.mktemp("filled") / "conversations.db"
    asyncio.run(fill(path, 450))
    return path


@pytest.fixture
def dsn(cluster: Cluster) -> str:
    """An empty database."""
    return cluster.new_database()


async def content(store: ConversationStore) -> dict[str, object]:
    """Return everything that the store's methods show."""
    await store.open()
    found: dict[str, object] = {}
    after = ""
    while heads := await store.conversations(after=after, limit=200):
        for head in heads:
            found[head.sender_id] = (head, await store.entries(head.sender_id), await store.load(head.sender_id))
        after = heads[-1].sender_id
    found["(reminders)"] = await store.due_reminders(now=1e12, limit=10_000)
    found["(revocations)"] = await store.revocations()
    found["(secret)"] = await store.get_meta("session_secret")
    behind = await store.behind(after="", limit=10_000)
    found["(behind)"] = behind.found
    await store.close()
    return found


async def test_everything_is_copied(filled: Path, dsn: str) -> None:
    """All that a server can read is the same afterwards; message ids stay used; a server goes on from there."""
    report = await copy_database(filled, dsn)
    assert report.copied == report.rows["conversations"] == 452
    assert report.rows["events"] == 450 * 16 + 4
    assert report.rows["accepted"] == report.rows["reminders"] == 450
    assert report.rows["revocations"] == 2
    expected = await content(SqliteStore(filled))
    assert len(expected) == 452 + 4
    assert await content(PostgresqlStore(dsn)) == expected

    store = PostgresqlStore(dsn)
    await store.open()
    head = await store.head("visitor 00007")
    assert head is not None
    with pytest.raises(Exception, match="already accepted"):
        await store.append(turn(head, message_id="m7"))
    await talk(store, head, 2)
    await talk(store, empty("new"), 1)
    await store.close()


async def test_a_target_with_rows_is_refused(filled: Path, dsn: str) -> None:
    """Neither the conversations of a server nor a finished copy are overwritten, and nothing is changed."""
    store = PostgresqlStore(dsn)
    await store.open()
    head = await talk(store, empty(), 1)
    await store.close()
    with pytest.raises(StoreError, match="not empty") as refused:
        await copy_database(filled, dsn)
    assert refused.value.code == "copy_target"
    await store.open()
    assert await store.conversations() == [head]
    await store.close()


async def test_sources_that_are_no_stores_are_refused(dsn: str, tmp_path: Path) -> None:
    """A missing file and another program's database are named."""
    foreign = tmp_path / "rasa.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE events (id INTEGER)")
    for path, code in ((tmp_path / "none.db", "store_missing"), (foreign, "store_foreign_file")):
        with pytest.raises(StoreError) as refused:
            await copy_database(path, dsn)
        assert refused.value.code == code


async def test_a_conversation_that_postgresql_cannot_store_is_named(dsn: str, tmp_path: Path) -> None:
    """The conversation is named, no server starts on the half copy, and without the conversation the copy goes on."""
    path = tmp_path / "conversations.db"
    await fill(path, 20)
    source = SqliteStore(path)
    await source.open()
    await source.append(turn(empty("bad"), message_id="nul \x00"))
    await source.close()
    with pytest.raises(StoreError, match="'bad'") as refused:
        await copy_database(path, dsn)
    assert refused.value.code == "copy_refused"
    with pytest.raises(StoreError, match="manent db copy") as unfinished:
        await PostgresqlStore(dsn).open()
    assert unfinished.value.code == "store_copy_unfinished"
    other = tmp_path / "other.db"
    await fill(other, 1)
    with pytest.raises(StoreError, match="unfinished copy of"):
        await copy_database(other, dsn)

    await source.open()
    await source.erase("bad", new_epoch=None)
    await source.close()
    await copy_database(path, dsn)
    assert await content(PostgresqlStore(dsn)) == await content(SqliteStore(path))


async def test_a_source_that_changes(dsn: str, tmp_path: Path) -> None:
    """What a server writes during the copy is noticed; the next run copies only that."""
    path = tmp_path / "conversations.db"
    await fill(path, 30)

    async def serve() -> None:
        source = SqliteStore(path)
        await source.open()
        head = await source.head("visitor 00003")
        assert head is not None
        await talk(source, head, 1)
        await source.erase("visitor 00004", new_epoch=None)
        await source.close()

    def write_between(step: str, done: int, of: int) -> None:
        if step == "copying" and done == of:
            server = threading.Thread(target=lambda: asyncio.run(serve()))
            server.start()
            server.join()

    with pytest.raises(StoreError, match="differ") as refused:
        await copy_database(path, dsn, progress=write_between)
    assert refused.value.code == "copy_differs"

    report = await copy_database(path, dsn)
    assert report.copied == 1
    assert await content(PostgresqlStore(dsn)) == await content(SqliteStore(path))


async def test_damage_in_the_target_is_noticed(filled: Path, dsn: str) -> None:
    """A row that differs in the target, although every head agrees, is an error."""

    async def damage() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("UPDATE manent.events SET data = '{}' WHERE seq = 3 AND conversation_id = 5")
        await connection.close()

    def between(step: str, done: int, of: int) -> None:
        if step == "copying" and done == of:
            # In a thread, so that the damage is done before the comparison begins.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, damage()).result()

    with pytest.raises(StoreError, match="differ in 1 "):
        await copy_database(filled, dsn, progress=between)


async def conversations_in(connection: asyncpg.Connection, least: int) -> int:
    """Wait until a target holds so many conversations; return their number."""
    while True:
        if await connection.fetchval("SELECT to_regclass('manent.conversations')") is not None:
            count: int = await connection.fetchval("SELECT count(*) FROM manent.conversations")
            if count >= least:
                return count
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("after", [1, 300])
async def test_killed_in_the_middle(filled: Path, cluster: Cluster, after: int, tmp_path: Path) -> None:
    """A copy that is killed continues with what is missing, and then everything is there."""
    direct = await asyncio.to_thread(cluster.new_database)
    name = direct.rpartition("@/")[2].partition("?")[0]
    async with network_to(cluster.socket, round_trip_s=0.05) as network:
        url = f"postgresql://postgres@127.0.0.1:{network.port}/{name}"
        command = [sys.executable, "-m", "manent", "db", "copy", "--from", str(filled), "--to", url]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        watching = await asyncpg.connect(direct)
        async with asyncio.timeout(60):
            await conversations_in(watching, after)
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
    there = await conversations_in(watching, 0)
    await watching.close()
    assert 0 < there < 452
    with pytest.raises(StoreError, match="unfinished copy"):
        await PostgresqlStore(direct).open()

    report = await copy_database(filled, direct)
    assert report.copied == 452 - there
    assert await content(PostgresqlStore(direct)) == await content(SqliteStore(filled))


def test_command(
    filled: Path, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The target may come from endpoints.yml; the command prints what both databases hold."""
    monkeypatch.chdir(tmp_path)
    assert main(["db", "copy", "--from", str(filled)]) == 2
    (tmp_path / "endpoints.yml").write_text(f"tracker_store:\n  type: SQL\n  url: {dsn}\n")
    assert main(["db", "copy"]) == 2
    capsys.readouterr()

    assert main(["db", "copy", "--from", str(filled)]) == 0
    assert "events: 7,204" in capsys.readouterr().out
    assert main(["db", "copy", "--from", str(filled)]) == 1
    assert "not empty" in capsys.readouterr().err


async def test_messengers_are_copied(tmp_path: Path, dsn: str) -> None:
    """Waiting messages, send positions and undelivered parts are the same afterwards, and repeats are recognised."""
    path = tmp_path / "conversations.db"
    source, target = SqliteStore(path), PostgresqlStore(dsn)
    start = Route(sender_id="7", channel="telegram", address="7", reference={"thread": 3})
    messages = [
        ReceivedMessage(channel="telegram", address="7", message_id=str(number), text=f"hello {number}")
        for number in range(3)
    ]
    await source.open()
    await talk(source, empty("7"), 1)
    received = [await source.receive(one, start, limit=10) for one in messages]
    await source.finish_received([one.number for one in received[:1] if one], now=1.0)
    (route,) = await source.claim_routes(["7"], Lease(owner="a", until=2.0), now=1.0)
    moved = msgspec.structs.replace(route, epoch="e7", seq=2, part=1, failures=3, retry_at=4.5)
    undelivered = Undelivered(seq=2, part=0, reason="blocked", time=1.5, is_uncertain=True)
    assert await source.move_route(moved, owner="a", undelivered=undelivered)

    async def shown(store: SqliteStore | PostgresqlStore) -> list[object]:
        return [await store.routes(["7"]), await store.undelivered("7"), await store.count_received()]

    expected = await shown(source)
    assert expected[2] == 2
    await source.close()
    report = await copy_database(path, dsn)

    assert report.rows["inbox"] == 3
    await target.open()
    assert await shown(target) == expected
    assert [await target.receive(one, start, limit=10) for one in messages] == [None, None, None]
    new = await target.receive(msgspec.structs.replace(messages[0], message_id="new"), start, limit=10)
    waiting = await target.claim_received(Lease(owner="b", until=1e12), now=10.0, limit=10)
    assert [one.message_id for one in waiting] == ["1", "2", "new"]
    assert new is not None
    assert new.number > max(one.number for one in received if one)
    await target.close()


async def test_the_desk_is_copied(tmp_path: Path, dsn: str) -> None:
    """Members, audit, list, search, review, numbers and webhooks are the same afterwards, and numbers continue."""
    path = tmp_path / "conversations.db"
    source = SqliteStore(path)
    await source.open()
    await talk(source, empty("c1"), 1)
    desk = open_desk_tables(source)
    await desk.open()
    await desk.put_member(Member(id="ada", name="Ada", role="operator"))
    await desk.audit(AuditRecord(time=1.0, member_id="ada", name="Ada", action="read", sender_id="c1"))
    message = MessageText(seq=1, role="user", time=1.0, text="Hello there", intent="greet", confidence=0.5)
    row = ListRow(sender_id="c1", epoch="e1", seq=1, labels=("vip",), users=1, channel="rest")
    news = FeedRow(kind="message", time=1.0, sender_id="c1")
    await desk.write_reads(
        [Read(sender_id="c1", before=None, row=row, texts=(message,), counts=(Count(day=0, name="n"),), feed=(news,))]
    )
    await desk.put_webhook(Webhook(id="w", url="https://a.example", secret="s" * 16, events=("queue",), position=1))

    async def shown(desk: DeskStore) -> list[object]:
        return [
            await desk.members(),
            await desk.audit_records(),
            await desk.page(ListFilter(label="vip"), reader="ada", limit=5),
            await desk.search("hel", limit=5),
            await desk.review(sort="uncertain", limit=5),
            await desk.counts(since=0, until=1),
            await desk.webhooks(),
        ]

    expected = await shown(desk)
    await source.close()
    await copy_database(path, dsn)

    target = PostgresqlStore(dsn)
    await target.open()
    copied = open_desk_tables(target)
    assert await shown(copied) == expected
    await copied.audit(AuditRecord(time=2.0, member_id="ada", name="Ada", action="say"))
    assert [one.number for one in await copied.audit_records()] == [2, 1]
    await copied.tell([news])
    assert [one.number for one in await copied.feed(after=1, limit=5)] == [2]
    await target.close()
