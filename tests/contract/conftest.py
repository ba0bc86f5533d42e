"""The stores under contract: each with a way to close and open it again over the same data."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logs import MakeStore
from manent.runtime.ports import ConversationStore
from manent.stores.memory import MemoryStore
from manent.stores.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Each kind of store in turn."""
    if request.param == "memory":
        only = MemoryStore()
        return lambda: only
    return lambda: SqliteStore(tmp_path / "conversations.db")


@pytest.fixture
async def store(make_store: MakeStore) -> AsyncIterator[ConversationStore]:
    """An open, empty store."""
    opened = make_store()
    await opened.open()
    yield opened
    await opened.close()
