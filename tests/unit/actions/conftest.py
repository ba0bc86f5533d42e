from collections.abc import AsyncIterator

import pytest

from support.action_servers import ScriptedServer


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    """An HTTP server that answers what the test wants."""
    async for server in ScriptedServer().serve():
        yield server
