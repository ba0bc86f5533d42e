"""Opens the tables of the desk while a command of `manent desk` works with them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from manent.cli.project_store import with_store
from manent.runtime.ports.desk import DeskStore
from manent.runtime.ports.store import ConversationStore

T = TypeVar("T")


def with_desk(endpoints: Path | None, work: Callable[[DeskStore], Awaitable[T]]) -> T:
    """Open the project's store, call `work` with the tables of the desk, close it, and return what `work` returned.

    Raises:
        StoreError: the store cannot be opened or has no tables for the desk. Errors of `work` are raised, too.
    """
    from manent.stores.desk.tables import open_desk_tables

    async def opened(store: ConversationStore) -> T:
        desk = open_desk_tables(store)
        await desk.open()
        return await work(desk)

    return with_store(endpoints, opened)
