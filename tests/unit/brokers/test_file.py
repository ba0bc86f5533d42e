"""The event broker that appends to a file."""

import asyncio
import json
from pathlib import Path

import pytest

from manent.brokers.file import FileBroker
from manent.runtime.ports.broker import Outgoing


def messages(first: int, count: int, sender_id: str = "ada") -> list[Outgoing]:
    """Messages with numbers."""
    return [
        Outgoing(sender_id, f"e1:{number}", f'{{"sender_id":"{sender_id}","number":{number}}}'.encode())
        for number in range(first, first + count)
    ]


@pytest.mark.parametrize("rest", [b'{"sender_id":"ada","numb', b"x" * 200_000])
async def test_a_line_that_was_cut_off_is_removed(tmp_path: Path, rest: bytes) -> None:
    """Half a line, which a crash left behind, is not in the way of the next reader."""
    path = tmp_path / "events.log"
    broker = FileBroker(path)
    await broker.publish(messages(1, 2))
    path.write_bytes(path.read_bytes() + rest)
    await broker.publish(messages(3, 1))

    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2, 3]


async def test_a_file_of_half_a_line(tmp_path: Path) -> None:
    """Nothing of it is kept."""
    path = tmp_path / "events.log"
    path.write_bytes(b"{")
    await FileBroker(path).publish(messages(1, 1))

    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1]


async def test_a_rotated_file_is_begun_anew(tmp_path: Path) -> None:
    """The file may be moved away at any time."""
    path = tmp_path / "events.log"
    broker = FileBroker(path)
    await broker.publish(messages(1, 1))
    path.rename(tmp_path / "events.log.1")
    await broker.publish(messages(2, 1))

    assert path.read_text() == '{"sender_id":"ada","number":2}\n'


async def test_several_servers_write_whole_lines(tmp_path: Path) -> None:
    """Batches of several servers at once stay whole."""
    path = tmp_path / "events.log"
    names = ("a", "b", "c", "d")
    await asyncio.gather(
        *(FileBroker(path).publish(messages(10 * batch, 10, name)) for name in names for batch in range(20))
    )
    found = [json.loads(line) for line in path.read_text().splitlines()]

    for name in names:
        assert sorted(one["number"] for one in found if one["sender_id"] == name) == list(range(200))
    batches = [found[start : start + 10] for start in range(0, len(found), 10)]
    assert all(len({(one["sender_id"], one["number"] // 10) for one in batch}) == 1 for batch in batches)
