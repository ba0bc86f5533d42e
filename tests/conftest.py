"""What holds for all tests."""

import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # how long an example takes says more about what else the machine does
settings.register_profile("quick", settings.get_profile("unhurried"), max_examples=10)  # `make test-unit`

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job; what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONG = frozenset({"browser", "journeys", "security", "faults", "actions"})
"""Folders whose files take long: workers begin with them, so that none is left with a long one at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hand long files to workers first; a single process, which somebody watches, begins with what is quick."""
    first = hasattr(config, "workerinput")
    items.sort(key=lambda item: first is LONG.isdisjoint(item.path.parts))
