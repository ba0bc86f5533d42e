"""Opens the store of the project in the current folder, for use by a command."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from manent.core.errors import StoreError
from manent.project.settings.endpoints import Endpoints, read_endpoints
from manent.project.settings.locating import located
from manent.runtime.ports.store import ConversationStore
from manent.stores.opening import open_store
from manent.stores.sqlite.store import SqliteStore

T = TypeVar("T")


def read_project_endpoints(given: Path | None) -> Endpoints:
    """Read the given endpoints file, or by default the project's `endpoints.yml` if it exists."""
    path = given or Path("endpoints.yml")
    return read_endpoints(path if given is not None or path.exists() else None)


def with_store(
    endpoints: Path | None, work: Callable[[ConversationStore], Awaitable[T]], *, must_exist: bool = False
) -> T:
    """Open the project's store, call `work` with it, close it, and return what `work` returned.

    Args:
        endpoints: the endpoints file. Default: the project's `endpoints.yml`.
        work: what to do with the open store.
        must_exist: do not create a missing SQLite file. Without it, a command in the wrong folder finds an empty store.

    Raises:
        StoreError: the store is not supported or cannot be opened. `store_missing`: the file does not exist.
        ProjectError: the file has mistakes, or a library of a configured part is missing.
    """
    wanted = read_project_endpoints(endpoints)

    async def run() -> T:
        store = open_store(wanted.tracker_store, root=Path(), durability=wanted.durability)
        if must_exist and isinstance(store, SqliteStore) and not store.path.exists():
            raise StoreError(
                "store_missing",
                f"{store.path} does not exist: run this command in the project's folder. `manent run` creates the file",
            )
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    with located(endpoints=endpoints or Path("endpoints.yml")):
        return asyncio.run(run())
