"""Two store instances on one file, their steps interleaved in every order: no version is written twice."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manent.core.conversation_log import Head
from manent.core.events import UserUttered
from manent.runtime.ports.store import DuplicateMessage, VersionConflict
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import accept, accepted_message, empty, turn

NAMES = itertools.count()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[SqliteStore, SqliteStore]]:
    """Two instances on one file, as two servers have them."""
    pair = (SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db", process_from=1))
    for store in pair:
        await store.open()
    yield pair
    for store in pair:
        await store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["read", "write", "write"])), max_size=25))
async def test_any_schedule_of_two_writers(
    pair: tuple[SqliteStore, SqliteStore], schedule: list[tuple[int, str]]
) -> None:
    """A writer succeeds exactly when nobody has written since it read; the log is the writes that succeeded."""
    name = f"visitor {next(NAMES)}"
    start = await pair[0].create(empty(name))
    heads = [start, start]
    version, written = 0, []
    for step, (who, what) in enumerate(schedule):
        if what == "read":
            head = await pair[who].head(name)
            assert head is not None
            assert head.version == version
            heads[who] = head
            continue
        append = turn(heads[who], f"{who} {step}")
        if heads[who].version == version:
            await pair[who].append(append)
            heads[who], version = append.head, append.head.version
            written.append(f"{who} {step}")
        else:
            with pytest.raises(VersionConflict):
                await pair[who].append(append)

    events = [entry.event for entry in await pair[0].entries(name)]
    assert [event.text for event in events if isinstance(event, UserUttered)] == written


async def test_two_writers_that_try_again(pair: tuple[SqliteStore, SqliteStore]) -> None:
    """Two servers that re-read after a conflict get all their turns into one log, each once."""
    conflicts = 0

    async def server(store: SqliteStore, who: str) -> None:
        nonlocal conflicts
        for number in range(25):
            while True:
                head = await store.head("ada") or empty()
                try:
                    await store.append(turn(head, f"{who} {number}", message_id=f"{who} {number}"))
                except VersionConflict:
                    conflicts += 1
                else:
                    break

    await pair[0].create(empty())
    await asyncio.gather(*(server(pair[n % 2], f"server {n}") for n in range(4)))
    entries = await pair[1].entries("ada")

    said = [entry.event.text for entry in entries if isinstance(entry.event, UserUttered)]
    assert sorted(text or "" for text in said) == sorted(f"server {n} {m}" for n in range(4) for m in range(25))
    assert [entry.seq for entry in entries] == list(range(1, 401))
    for n in range(4):
        own = [text for text in said if text and text.startswith(f"server {n}")]
        assert own == [f"server {n} {m}" for m in range(25)]
    assert conflicts > 0


async def test_one_message_to_two_servers(pair: tuple[SqliteStore, SqliteStore]) -> None:
    """A message that reaches two servers at once is accepted by one; the other learns which event it became."""
    for number in range(20):
        name = f"visitor {number}"
        head = await pair[0].create(empty(name))

        async def accept_at(store: SqliteStore, base: Head) -> str:
            try:
                await store.append(turn(base, "hi", message_id="m1"))
            except VersionConflict:
                found = await accepted_message(store, base.sender_id, "m1")
                assert found == accept("m1", 1, "hi")
                return "conflict"
            return "written"

        results = await asyncio.gather(*(accept_at(store, head) for store in pair))
        assert sorted(results) == ["conflict", "written"]
        latest = await pair[1].head(name)
        assert latest is not None
        with pytest.raises(DuplicateMessage):
            await pair[1].append(turn(latest, "hi", message_id="m1"))


async def test_erase_by_the_other_server(pair: tuple[SqliteStore, SqliteStore]) -> None:
    """A server that knows a conversation notices that another one erased it, made it anew, or took its row's place."""
    first = turn(empty())
    await pair[0].append(first)
    await pair[1].erase("ada", new_epoch=None)
    await pair[1].append(turn(empty("bob")))  # may get the row id that was ada's
    with pytest.raises(VersionConflict):
        await pair[0].append(turn(first.head))
    await pair[1].append(turn(empty(epoch="e2")))
    with pytest.raises(VersionConflict):
        await pair[0].append(turn(first.head))

    bob = await pair[0].entries("bob")
    assert len(bob) == 4
    await pair[0].append(turn(turn(empty(epoch="e2")).head))
    assert len(await pair[1].entries("ada")) == 8
