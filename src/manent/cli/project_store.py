"""The store of the project that a command is called in, opened for as long as the command's work takes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from manent.project.settings.endpoints import Endpoints, read_endpoints
from manent.runtime.ports.store import ConversationStore
from manent.stores.opening import open_store

T = TypeVar("T")


def read_project_endpoints(given: Path | None) -> Endpoints:
    """Read the named `endpoints.yml`, or the project's if it has one."""
    path = given or Path("endpoints.yml")
    return read_endpoints(path if given is not None or path.exists() else None)


def with_store(endpoints: Path | None, work: Callable[[ConversationStore], Awaitable[T]]) -> T:
    """Open the project's store, do some work with it, close it, and return what the work returned.

    Raises:
        StoreError: the store is not supported or cannot be opened; also whatever the work raises.
    """
    wanted = read_project_endpoints(endpoints)
    store = open_store(wanted.tracker_store, root=Path(), durability=wanted.durability)

    async def run() -> T:
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
