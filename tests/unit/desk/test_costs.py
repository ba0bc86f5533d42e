"""What a turn costs on a server without a desk."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from support.desks import visit
from support.small_talk import running

TURNS = 10


@pytest.mark.parametrize("endpoints", ["", "desk: {}\n"])
async def test_a_turn_waits_for_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoints: str
) -> None:
    """A turn is one transaction with two statements and reads no tables of the desk, with or without a desk."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    async with running(tmp_path, endpoints=endpoints) as server:
        await visit(server, "hello")
        statements.clear()
        for _ in range(TURNS):
            assert await visit(server, "hello") == ["Hello."]
        found = [" ".join(one.split()) for one in statements]

    of_turns = [one for one in found if one.startswith(("UPDATE OR FAIL conversations", "INSERT OR FAIL INTO events"))]
    assert len(of_turns) == 2 * TURNS
    if not endpoints:
        assert [one for one in found if "desk_" in one] == []
        assert sum(one == "BEGIN IMMEDIATE" for one in found) <= TURNS + 2  # besides, a snapshot of the model or health
