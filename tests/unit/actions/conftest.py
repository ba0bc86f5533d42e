from collections.abc import AsyncIterator, Iterator

import pytest

from support.action_servers import ASSISTANTS, ScriptedServer, action_server


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    """An HTTP server that answers what the test wants."""
    async for server in ScriptedServer().serve():
        yield server


@pytest.fixture(scope="session")
def kinds_url() -> Iterator[str]:
    """The real action server with actions of every kind."""
    with action_server(ASSISTANTS / "action_kinds", "kinds") as url:
        yield url


@pytest.fixture(scope="session")
def legacy_url() -> Iterator[str]:
    """The real action server with code from the years of rasa-sdk 2.x."""
    with action_server(ASSISTANTS / "actions_2x") as url:
        yield url
