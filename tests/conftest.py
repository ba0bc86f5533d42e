"""Settings for all tests."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import certifi
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # no deadline: the time of an example depends on other load
settings.register_profile("quick", settings.get_profile("unhurried"), max_examples=5)  # `make test-unit`

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a background job; child processes would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

_make_context = ssl.create_default_context
_public = _make_context(cafile=certifi.where())


def _create_default_context(*args: Any, **options: Any) -> ssl.SSLContext:
    """Create a context. All HTTPX clients share one, because each would spend 30 ms reading the same certificates."""
    return _public if not args and options == {"cafile": certifi.where()} else _make_context(*args, **options)


ssl.create_default_context = _create_default_context

LONG = frozenset({"browser", "journeys", "security", "faults", "actions", "channels"})
"""Folders whose test files take long. Workers begin with them, so that no worker runs a long file alone at the end."""


SERVERS = frozenset(
    {
        "support.action_servers",
        "support.messengers",
        "support.openid_provider",
        "support.processes",
        "support.small_talk",
    }
)
"""Modules whose users start servers. `make test-unit` leaves them out."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of modules that start servers, and give long files to workers first.

    Without workers, begin with quick tests: a person is probably watching.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            used = {getattr(value, "__module__", None) for value in vars(item.module).values()}
            if not SERVERS.isdisjoint(used):
                item.add_marker("server")
    first = hasattr(config, "workerinput")
    items.sort(key=lambda item: first is LONG.isdisjoint(item.path.parts))


@pytest.fixture(autouse=True)
def _connections_end(request: pytest.FixtureRequest) -> None:
    """Check each test with an event loop for open connections, after its other fixtures."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("_no_connection_stays_open")


@pytest.fixture
async def _no_connection_stays_open() -> AsyncIterator[None]:
    """Wait until the connections of the event loop are closed, for at most a second.

    Python reports an open connection when it collects the garbage, which can be in a later test.
    """
    yield
    opened: Mapping[int, asyncio.Transport] = getattr(asyncio.get_running_loop(), "_transports", {})
    for _ in range(100):
        if all(one.is_closing() for one in list(opened.values())):
            break
        await asyncio.sleep(0.01)
    still = [str(one.get_extra_info("socket")) for one in list(opened.values()) if not one.is_closing()]
    assert still == []
    await asyncio.sleep(0)
