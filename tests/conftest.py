"""What holds for all tests."""

import pytest

LONG = frozenset({"browser", "journeys", "security", "faults", "actions"})
"""Folders whose files take long: workers begin with them, so that none is left with a long one at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hand long files to workers first; a single process, which somebody watches, begins with what is quick."""
    first = hasattr(config, "workerinput")
    items.sort(key=lambda item: first is LONG.isdisjoint(item.path.parts))
