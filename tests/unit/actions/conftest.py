from collections.abc import AsyncIterator

import pytest

from support.action_servers import ScriptedServer


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    """An HTTP server whose answers the test chooses."""
    async for server in ScriptedServer().serve():
        yield server
