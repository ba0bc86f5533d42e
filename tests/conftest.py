"""What holds for all tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: Playwright's synchronous API keeps the thread's event loop to itself."""
    items.sort(key=lambda item: "browser" in item.path.parts)
